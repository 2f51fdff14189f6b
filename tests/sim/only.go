package main

import (
	"fmt"
	"strconv"
	"strings"

	"ironkv/tests/sim/sim"
)

// settle is what stands for a fair network between events.
const settle = "settle"

// parseOnly reads events' indices, as formatOnly writes them: 3,5-9,settle,12.
func parseOnly(text string) (indices []int, err error) {
	least := 0
	for part := range strings.SplitSeq(text, ",") {
		if part == settle {
			indices = append(indices, sim.Settle)
			continue
		}
		from, until, isRange := strings.Cut(part, "-")
		if !isRange {
			until = from
		}
		first, err := strconv.ParseUint(from, 10, 31)
		last, err2 := strconv.ParseUint(until, 10, 31)
		if err != nil || err2 != nil || last < first || int(first) < least {
			return nil, fmt.Errorf("-only %s: events are counted from 0, ascending, as in 3,5-9, and %s may stand between them", text, settle)
		}
		least = int(last) + 1
		for i := first; i <= last; i++ {
			indices = append(indices, int(i))
		}
	}
	return indices, nil
}

// formatOnly writes indices, ascending but for [sim.Settle].
func formatOnly(indices []int) string {
	var parts []string
	for i := 0; i < len(indices); {
		if indices[i] == sim.Settle {
			parts = append(parts, settle)
			i++
			continue
		}
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
