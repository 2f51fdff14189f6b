package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"ironkv/delegation"
	"ironkv/kv/client"
	"ironkv/marshal"
)

// Exit codes, as "kvctl help exit-codes" tells them. They are stable.
const (
	exitOK             = 0
	exitFailure        = 1
	exitUsage          = 2
	exitNotFound       = 3
	exitCondition      = 4
	exitUnavailable    = 6
	exitUnknownOutcome = 7
)

const exitHelp = `Exit codes of kvctl:

  0  done
  1  failure: refused by a host (no room: nothing was written), a file that cannot be read, an ownership violation,
     items that load had to skip (unless --skip-large), a command ended by Ctrl-C
  2  usage: a flag or an argument is wrong, or a key or value exceeds a limit
  3  the key was not found
  4  the condition (--if-version, --if-absent) does not hold; nothing was changed
  6  no host answered in time, or an audit is undetermined; a write that ends with 6
     was not executed and never will be
  7  the outcome of a write is unknown: it may have been executed, once at most (no answer
     in time; or its host has less than half of --reserve left, and for a second could record no answer)
`

// A usageError says that the command was called in a wrong way.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error {
	return usageError{fmt.Errorf(format, args...)}
}

// A runError is an error from a verb's own work: whatever cobra returns beside it is
// about flags and arguments.
type runError struct{ err error }

func (e runError) Error() string { return e.err.Error() }
func (e runError) Unwrap() error { return e.err }

// errDetached says that a wait was given up, not what was waited for.
var errDetached = errors.New("detached")

// roomAdvice is what to do about a host without room.
const roomAdvice = "A host keeps --reserve free of its disk, or of its --memory-limit: free room on that disk, raise the limit, " +
	"or move ranges to another host (kvctl shard move)."

// A failure pairs each kind of error with its exit code and with what to do
// about it. The first that fits counts: an unknown outcome wraps its cause too.
var failures = []struct {
	target error
	code   int
	advice string
}{
	{client.ErrUnknownOutcome, exitUnknownOutcome, "It may have been executed, once at most: read the key, then decide."},
	{errDetached, exitFailure, ""},
	{client.ErrNotFound, exitNotFound, ""},
	{client.ErrConditionFailed, exitCondition, "Nothing was changed: read the key's version and try again."},
	{client.ErrViolation, exitFailure, "Keep the hosts' data and logs, and report it: this must never happen."},
	{client.ErrUndetermined, exitUnavailable, "Start the hosts that are named, or raise --timeout, and audit again."},
	{client.ErrFull, exitFailure, "Nothing was written. " + roomAdvice},
	{client.ErrTooLarge, exitUsage, "A key has 1 to 4,096 bytes, a value at most 4,194,304."},
	{delegation.ErrKeyLength, exitUsage, "A key has 1 to 4,096 bytes."},
	{client.ErrOverloaded, exitUnavailable, "The host has more to do than it can in time: ask for less at once, or later, or raise --timeout."},
	{client.ErrUnavailable, exitUnavailable, "Check that the hosts run and that --addr names one of them, or raise --timeout."},
	{context.DeadlineExceeded, exitUnavailable, "Check that the hosts run and that --addr names one of them, or raise --timeout."},
	{context.Canceled, exitFailure, ""},
}

// report prints err for a person, and returns the exit code for a script.
func report(w io.Writer, err error) int {
	var failed runError
	var usage usageError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &usage) || !errors.As(err, &failed):
		say(w, "kvctl: %v\nRun kvctl with --help to see how it is used.\n", err)
		return exitUsage
	case errors.Is(err, context.Canceled) && !errors.Is(err, client.ErrUnknownOutcome):
		say(w, "kvctl: interrupted\n")
		return exitFailure
	}
	code, advice := exitFailure, ""
	for _, f := range failures {
		if errors.Is(err, f.target) {
			code, advice = f.code, f.advice
			break
		}
	}
	var why *client.NoAnswerError
	if code == exitUnknownOutcome && errors.As(err, &why) && why.Refused && why.Reason == marshal.DiskFull {
		advice = "It was not executed when it was refused, but a late copy of it may still be executed once there is room: " +
			"read the key then. " + roomAdvice
	}
	say(w, "kvctl: %v\n", err)
	if advice != "" {
		say(w, "%s\n", advice)
	}
	return code
}
