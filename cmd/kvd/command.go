package main

import (
	"context"
	"log/slog"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"

	"ironkv/kv/server"
)

const long = `Kvd runs one host of an ironkv cluster: it keeps key ranges, answers clients,
and takes over and gives away ranges while clients read and write them.

Start all hosts of a cluster with the same --cluster. Exactly one of --data and
--memory says where a host keeps what it owns. A data directory belongs to one
host of one cluster. A host in memory mode that stops has lost its part of the
data, and the others do not let it come back as if nothing had happened.

Hosts and clients are not authenticated yet, so kvd listens on loopback
addresses only, unless --insecure is given.

Every flag can be given in the environment instead: --log-format as
KVD_LOG_FORMAT, and so on. A flag outranks the environment.

Exit codes: 0 stopped in order, 1 cannot go on, 2 called wrongly.`

// newCommand returns the command line of kvd.
func newCommand() *cobra.Command {
	var f flags
	cmd := &cobra.Command{
		Use:   "kvd --id ID --cluster ID=HOST:PORT[,...] {--data DIR | --memory}",
		Short: "Run one host of an ironkv cluster",
		Long:  long,
		Example: "  kvd --id 1 --cluster 1=127.0.0.1:7001,2=127.0.0.1:7002,3=127.0.0.1:7003 --data /var/lib/ironkv/1\n" +
			"  kvd --id 1,2,3 --cluster 1=127.0.0.1:7001,2=127.0.0.1:7002,3=127.0.0.1:7003 --data /var/lib/ironkv\n" +
			"  kvd --id 1 --cluster 1=127.0.0.1:7001 --memory --memory-limit 1GiB",
		Version: software(),
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("unexpected argument %q: everything is a flag", args[0])
			}
			return nil
		},
		SilenceUsage:      true,
		SilenceErrors:     true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := fromEnvironment(cmd.Flags(), os.LookupEnv); err != nil {
				return usageError{err}
			}
			if f.memory && f.memoryLimit > 0 && !cmd.Flags().Changed("reserve") {
				f.limits.reserve = min(f.limits.reserve, max(f.memoryLimit/4, server.MinReserveBytes))
			}
			hosts, err := f.hosts()
			if err != nil {
				return usageError{err}
			}
			return hosts[0].logged(serveAll(cmd.Context(), hosts))
		},
	}
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	cmd.SetVersionTemplate("{{.Name}} {{.Version}}\n")
	f.register(cmd.Flags())
	return cmd
}

// software is the version of the program: the module's where it was built from
// one, else the revision it was built at.
func software() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	version := info.Main.Version
	if version == "" {
		version = "(devel)"
	}
	return version
}

// logged has an error told by the log where that is read by machines; else main
// prints it as a sentence.
func (s *settings) logged(err error) error {
	if err == nil || !s.logJSON {
		return err
	}
	s.log.LogAttrs(context.Background(), slog.LevelError, "cannot go on", slog.Any("error", err))
	return loggedError{err}
}
