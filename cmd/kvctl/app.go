package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"ironkv/kv/client"
)

const (
	// defaultAddr is where kvctl looks for a cluster.
	defaultAddr = "127.0.0.1:7001"
	// defaultTimeout is how long one call may take.
	defaultTimeout = 5 * time.Second
	// envPrefix and a flag's name in capitals are the flag's environment twin.
	envPrefix = "KVCTL_"
)

// An app is one run of the program: its streams, and the flags that all verbs share.
type app struct {
	in          io.Reader
	out, errOut io.Writer

	addr    []string
	timeout time.Duration
	output  outputFormat
	keys    keyFormat
}

// run is the program; it returns the exit code.
func run(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) int {
	a := &app{in: in, out: out, errOut: errOut, output: outputText, keys: keyUTF8}
	root := a.rootCommand()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errOut)
	return report(errOut, root.ExecuteContext(ctx))
}

func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use: "kvctl",
		Example: "  kvctl --addr 127.0.0.1:7001,127.0.0.1:7002 put fruit/apple red\n" +
			"  kvctl scan --prefix fruit/\n" +
			"  kvctl shard move --from m --to 2\n" +
			"  kvctl audit",
		Short: "The command line of ironkv, a sharded, ordered key-value store",
		Long: "The command line of ironkv, a sharded, ordered key-value store.\n\n" +
			"Any one living host of the cluster is enough to find it. Every flag of the list\n" +
			"\"Global Flags\" may be given in the environment too: KVCTL_ADDR, KVCTL_TIMEOUT,\n" +
			"KVCTL_OUTPUT, KVCTL_KEY_FORMAT. Arguments that begin with a dash follow after \"--\".",
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			return fromEnvironment(cmd.Root().PersistentFlags())
		},
	}
	flags := root.PersistentFlags()
	flags.StringSliceVar(&a.addr, "addr", []string{defaultAddr}, "`HOST:PORT` of one or more hosts, by commas")
	flags.DurationVar(&a.timeout, "timeout", defaultTimeout, "how long one call to the store may take")
	flags.VarP(&a.output, "output", "o", "text or json")
	flags.Var(&a.keys, "key-format", "how keys are read and printed: utf8 (as they are), hex, or base64")
	root.AddCommand(
		a.putCommand(), a.getCommand(), a.delCommand(), a.scanCommand(),
		a.loadCommand(), a.dumpCommand(),
		a.shardCommand(), a.moveCommand(), a.hostCommand(), a.auditCommand(),
		a.backupCommand(), a.restoreCommand(), a.verifyCommand(),
		a.versionCommand(),
		topic("exit-codes", "What kvctl's exit codes mean", exitHelp),
		topic("json", "The JSON that kvctl prints and reads", jsonHelp),
	)
	strictHelp(root)
	return root
}

// strictHelp makes a word that is no command a usage error of cobra's help, which ends with 0.
func strictHelp(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	help, _, _ := root.Find([]string{"help"})
	help.Run, help.RunE = nil, func(_ *cobra.Command, args []string) error {
		about, rest, err := root.Find(args)
		if err != nil || len(rest) > 0 {
			return usagef("%q is no command of %s", strings.Join(args, " "), root.Name())
		}
		return about.Help()
	}
}

// topic is a page of help that is no verb.
func topic(name, short, text string) *cobra.Command {
	return &cobra.Command{Use: name, Short: short, Long: text}
}

// fromEnvironment sets the flags that the command line left out and the
// environment gives.
func fromEnvironment(flags *pflag.FlagSet) error {
	var err error
	flags.VisitAll(func(f *pflag.Flag) {
		name := envPrefix + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		value, given := os.LookupEnv(name)
		if err != nil || f.Changed || !given {
			return
		}
		if e := flags.Set(f.Name, value); e != nil {
			err = usagef("the environment's %s=%q is no value for --%s: %w", name, value, f.Name, e)
		}
	})
	return err
}

// group is a command that only holds others. Called without one of them it says
// so, as a usage error: cobra would print help and exit with 0.
func group(use, short string, subcommands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("%q is no command of %s", args[0], cmd.CommandPath())
			}
			return usagef("%s needs one of its commands", cmd.CommandPath())
		},
	}
	cmd.AddCommand(subcommands...)
	return cmd
}

// verb makes a RunE of f: what f returns is a failure, unless it says that it is usage.
func verb(f func(cmd *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		if err := f(cmd, args); err != nil {
			return runError{err}
		}
		return nil
	}
}

// connect dials the cluster, within the timeout. Calls of the client that are given a
// context without a deadline take at most the timeout too.
func (a *app) connect(ctx context.Context) (*client.Client, error) {
	if a.timeout <= 0 {
		return nil, usagef("--timeout %v: it must be above zero", a.timeout)
	}
	if len(a.addr) == 0 {
		return nil, usagef("--addr is empty: the HOST:PORT of one or more hosts")
	}
	for _, addr := range a.addr {
		if _, _, err := net.SplitHostPort(addr); err != nil {
			return nil, usagef("--addr %q: it must be HOST:PORT", addr)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	c, err := client.Dial(ctx, a.addr, client.WithTimeout(a.timeout))
	if err != nil {
		return nil, fmt.Errorf("no cluster at %s: %w", strings.Join(a.addr, ","), err)
	}
	return c, nil
}

// withClient is a verb that talks to the cluster.
func (a *app) withClient(f func(ctx context.Context, c *client.Client, args []string) error) func(*cobra.Command, []string) error {
	return verb(func(cmd *cobra.Command, args []string) error {
		c, err := a.connect(cmd.Context())
		if err != nil {
			return err
		}
		defer func() { _ = c.Close() }() // what it was used for has its own errors
		return f(cmd.Context(), c, args)
	})
}

// warnf tells the person something that is no result.
func (a *app) warnf(format string, args ...any) {
	say(a.errOut, "kvctl: "+format+"\n", args...)
}

// say writes to a person. Where stderr cannot be written to, there is nobody to tell.
func say(w io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }

// isTerminal reports whether stream is a terminal.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
