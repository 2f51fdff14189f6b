package main

import (
	"context"
	"errors"
	"fmt"

	"ironkv/tests/exit"
)

// A violation is what must not happen: the store, not the harness, is to blame,
// unless proven otherwise. Its code is what the program exits with.
type violation struct {
	text string
	code int
}

func (v *violation) Error() string { return "violation: " + v.text }

// violationf is one of safety: something happened that must not.
func violationf(format string, args ...any) error {
	return &violation{fmt.Sprintf(format, args...), exit.Safety}
}

// stuckf is one of liveness: something did not happen though nothing is in its way.
func stuckf(format string, args ...any) error {
	return &violation{fmt.Sprintf(format, args...), exit.Liveness}
}

// late is stuckf of what did not come while ctx lasted; where ctx was cancelled, nothing is known.
func late(ctx context.Context, format string, args ...any) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	return stuckf(format, args...)
}

// crashedf is a host that ended by itself.
func crashedf(format string, args ...any) error {
	return &violation{fmt.Sprintf(format, args...), exit.Crash}
}

// codeOf is what the program exits with for an error.
func codeOf(err error) int {
	if v := (*violation)(nil); errors.As(err, &v) {
		return v.code
	}
	return exit.Failed
}
