package main

import "fmt"

// A violation is what must not happen: the store, not the harness, is to blame,
// unless proven otherwise.
type violation struct{ text string }

func (v *violation) Error() string { return "violation: " + v.text }

func violationf(format string, args ...any) error { return &violation{fmt.Sprintf(format, args...)} }
