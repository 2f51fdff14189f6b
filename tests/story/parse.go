package story

import (
	"fmt"
	"strings"
)

// mark stands between the commands of a block and what is seen.
const mark = "----"

// A block is commands and what is seen of them.
type block struct {
	above []string // commands, comments and empty lines, as they are written
	line  int      // of the first of above, from 1
	seen  []string
}

// parse cuts a story into its blocks. What is seen ends at an empty line.
func parse(name, text string) ([]block, error) {
	var blocks []block
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if !strings.HasPrefix(lines[0], "#") {
		return nil, fmt.Errorf("%s:1: a story begins with a comment that says what would go wrong without the rule that it shows", name)
	}
	for i := 0; i < len(lines); {
		b := block{line: i + 1}
		for i < len(lines) && lines[i] != mark {
			b.above = append(b.above, lines[i])
			i++
		}
		if i == len(lines) {
			return nil, fmt.Errorf("%s:%d: there is no line %s below it: say where the commands end", name, b.line, mark)
		}
		for i++; i < len(lines) && lines[i] != ""; i++ {
			b.seen = append(b.seen, lines[i])
		}
		i++ // the empty line
		blocks = append(blocks, b)
	}
	return blocks, nil
}

// format is what parse was given, if every block is as it was.
func format(blocks []block) string {
	b := &strings.Builder{}
	for i, block := range blocks {
		if i > 0 {
			b.WriteString("\n")
		}
		for _, line := range block.above {
			fmt.Fprintln(b, line)
		}
		fmt.Fprintln(b, mark)
		for _, line := range block.seen {
			fmt.Fprintln(b, line)
		}
	}
	return b.String()
}

// tell lets a story happen and returns its blocks as they are seen. The error
// names file and line.
func tell(name, text string) ([]block, error) {
	blocks, err := parse(name, text)
	if err != nil {
		return nil, err
	}
	s := &stage{}
	for i := range blocks {
		b := &blocks[i]
		for j, line := range b.above {
			if line == "" || strings.HasPrefix(line, "#") {
				continue
			}
			if err := s.do(line); err != nil {
				return nil, fmt.Errorf("%s:%d: %s: %w", name, b.line+j, line, err)
			}
		}
		b.seen = s.seen
		s.seen = nil
	}
	return blocks, nil
}
