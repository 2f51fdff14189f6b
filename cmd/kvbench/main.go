package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// Exit codes of kvbench.
const (
	exitOK      = 0
	exitFailure = 1 // something could not be measured
	exitUsage   = 2 // a flag or an argument is wrong
)

// reportError prints err and returns the exit code.
func reportError(a *app, err error) int {
	if err == nil {
		return exitOK
	}
	a.progressf("kvbench: %v", err)
	if a.running {
		return exitFailure
	}
	a.progressf("Run kvbench with --help to see how it is used.")
	return exitUsage
}
