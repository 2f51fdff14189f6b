package story

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"ironkv/delegation"
	"ironkv/kv"
)

// args are the words of a command behind its name. They are taken one by one;
// the first that is wrong is kept in err.
type args struct {
	words []string
	err   error
}

func (a *args) fail(format string, values ...any) {
	if a.err == nil {
		a.err = fmt.Errorf(format, values...)
	}
}

// end reports what was wrong, or that a word was not understood.
func (a *args) end() error {
	if len(a.words) > 0 {
		a.fail("%q is not understood here; tests/story/doc.go lists the words", a.words[0])
	}
	return a.err
}

func (a *args) more() bool { return len(a.words) > 0 }

// word takes the next word.
func (a *args) word(what string) string {
	if len(a.words) == 0 {
		a.fail("%s is missing", what)
		return ""
	}
	w := a.words[0]
	a.words = a.words[1:]
	return w
}

// is takes the next word if it is w.
func (a *args) is(w string) bool {
	if len(a.words) == 0 || a.words[0] != w {
		return false
	}
	a.words = a.words[1:]
	return true
}

// opt takes the option name=value, wherever it stands.
func (a *args) opt(name string) (string, bool) {
	for i, w := range a.words {
		if v, ok := strings.CutPrefix(w, name+"="); ok {
			a.words = slices.Delete(slices.Clone(a.words), i, i+1)
			return v, true
		}
	}
	return "", false
}

func (a *args) number(what, text string) uint64 {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		a.fail("%s is a number, not %q", what, text)
	}
	return n
}

// optNumber takes the option, which is a number; otherwise where it is not given.
func (a *args) optNumber(name string, otherwise uint64) uint64 {
	if v, ok := a.opt(name); ok {
		return a.number(name, v)
	}
	return otherwise
}

func (a *args) optSpan(name string) kv.Time {
	if v, ok := a.opt(name); ok {
		return a.span(v)
	}
	return 0
}

func (a *args) span(text string) kv.Time {
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		a.fail("%q is no time: say 5s or 200ms", text)
	}
	return kv.Time(d)
}

func (a *args) host(text string) delegation.HostID {
	return delegation.HostID(a.number("a host", text))
}

func (a *args) pair(what string) (left, right string) {
	w := a.word(what)
	left, right, ok := strings.Cut(w, "=")
	if !ok || left == "" {
		a.fail("%s is written KEY=VALUE, not %q", what, w)
	}
	return left, right
}

func (a *args) keyRange(text string) (r delegation.Range) {
	from, until, ok := strings.Cut(text, "..")
	if !ok {
		a.fail("a range is written FROM..UNTIL, not %q", text)
	}
	r = delegation.Range{From: delegation.At(delegation.Key(from)), Until: delegation.PosInf}
	if until != "" {
		r.Until = delegation.At(delegation.Key(until))
	}
	return r
}

// value is what a value is written as: itself, or *N for N bytes.
func (a *args) value(text string) []byte {
	if n, ok := strings.CutPrefix(text, "*"); ok {
		return []byte(strings.Repeat("*", int(a.number("a length", n))))
	}
	return []byte(text)
}

var errNoHosts = errors.New("there are no hosts yet: a story begins with hosts N")
