package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// An app is one run of the program.
type app struct {
	out, errOut io.Writer
	json        bool
	running     bool // a command's own work has begun: what fails now is no usage error
}

func run(ctx context.Context, args []string, out, errOut io.Writer) int {
	a := &app{out: out, errOut: errOut}
	root := a.rootCommand()
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(errOut)
	return reportError(a, root.ExecuteContext(ctx))
}

func (a *app) rootCommand() *cobra.Command {
	var output string
	root := &cobra.Command{
		Use:   "kvbench",
		Short: "Measure ironkv, alone and beside its peers",
		Long: "Measure ironkv, alone (get, set, mixed, scan), while shards move (move), beside Redis or\nValkey (compare), and as there is more of everything (growth). Results go to stdout, progress to stderr.\n\n" +
			"Exit codes: 0 measured, 1 something could not be measured, 2 called wrongly.",
		Example: "  kvbench get --clients 64\n" +
			"  kvbench set --disk --value-size 1024\n" +
			"  kvbench scan --addr 127.0.0.1:7001,127.0.0.1:7002\n" +
			"  kvbench move --shape 100000x128\n" +
			"  kvbench compare --sections memory,scan --duration 300ms\n" +
			"  kvbench growth --sections boundaries,hosts",
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			if output != "text" && output != "json" {
				return fmt.Errorf("--output %q: one of text, json", output)
			}
			a.json = output == "json"
			return nil
		},
	}
	root.PersistentFlags().StringVarP(&output, "output", "o", "text", "print results as `FORMAT`: text or json")
	root.AddCommand(
		a.loopCommand(opGet, "Read random keys"),
		a.loopCommand(opSet, "Write random keys"),
		a.loopCommand(opMixed, "Read and write random keys"),
		a.loopCommand(opScan, "Read ranges from random keys on"),
		a.moveCommand(), a.compareCommand(), a.growthCommand(), a.echoCommand(),
	)
	return root
}

// work marks that a command's own work begins.
func (a *app) work(f func(cmd *cobra.Command) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error { return f(cmd) }
}

func (a *app) progressf(format string, args ...any) {
	// Where stderr cannot be written to, there is nobody to tell.
	_, _ = fmt.Fprintf(a.errOut, format+"\n", args...)
}

func (a *app) printJSON(v any) error {
	enc := json.NewEncoder(a.out)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// barInterval is the shortest time between two drawings of a bar.
const barInterval = 100 * time.Millisecond

// newBar returns a bar on stderr, and what ends it; off a terminal both do nothing.
func (a *app) newBar(description string, total int, unit string) (add func(int), end func()) {
	f, ok := a.errOut.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) || os.Getenv("TERM") == "dumb" {
		return func(int) {}, func() {}
	}
	bar := progressbar.NewOptions(max(total, 1),
		progressbar.OptionSetWriter(a.errOut), progressbar.OptionSetDescription(description),
		progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetItsString(unit),
		progressbar.OptionSetPredictTime(true), progressbar.OptionThrottle(barInterval), progressbar.OptionClearOnFinish(),
	)
	return func(n int) { _ = bar.Add(n) }, func() { _ = bar.Clear() } // a bar that cannot be drawn harms nothing
}
