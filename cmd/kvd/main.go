package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// Exit codes.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	os.Exit(run(ctx, os.Args[1:]))
}

// run is the whole program but for the signals and the exit.
func run(ctx context.Context, args []string) int {
	cmd := newCommand()
	cmd.SetArgs(args)
	err := cmd.ExecuteContext(ctx)
	var usage usageError
	var logged loggedError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &usage):
		fmt.Fprintf(os.Stderr, "kvd: %v\nRun 'kvd --help' for how to call it.\n", err)
		return exitUsage
	case errors.As(err, &logged):
		return exitFailure
	}
	fmt.Fprintf(os.Stderr, "kvd: %v\n", err)
	return exitFailure
}

// usageError is what the caller got wrong.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// loggedError is an error that the log has told already, in the log's format.
type loggedError struct{ error }

func (e loggedError) Unwrap() error { return e.error }
