package main

import (
	"fmt"
	"strconv"
	"strings"
)

// parseOnly reads events' indices, as formatOnly writes them: 3,5-9.
func parseOnly(text string) (indices []int, err error) {
	for part := range strings.SplitSeq(text, ",") {
		from, until, isRange := strings.Cut(part, "-")
		if !isRange {
			until = from
		}
		first, err := strconv.ParseUint(from, 10, 31)
		last, err2 := strconv.ParseUint(until, 10, 31)
		if err != nil || err2 != nil || last < first || len(indices) > 0 && int(first) <= indices[len(indices)-1] {
			return nil, fmt.Errorf("-only %s: events are counted from 0, ascending, as in 3,5-9", text)
		}
		for i := first; i <= last; i++ {
			indices = append(indices, int(i))
		}
	}
	return indices, nil
}

// formatOnly writes ascending indices.
func formatOnly(indices []int) string {
	var parts []string
	for i := 0; i < len(indices); {
		j := i
		for j+1 < len(indices) && indices[j+1] == indices[j]+1 {
			j++
		}
		part := strconv.Itoa(indices[i])
		if j > i {
			part += "-" + strconv.Itoa(indices[j])
		}
		parts = append(parts, part)
		i = j + 1
	}
	return strings.Join(parts, ",")
}
