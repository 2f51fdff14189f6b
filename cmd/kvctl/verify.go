package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"ironkv/ghost"
	"ironkv/kv"
	"ironkv/kv/store"
)

// replayStore is the memory on which verify executes a host again.
type replayStore struct{ *store.Memory }

func (s replayStore) Commit(c kv.Counters) error {
	_, err := s.Memory.Commit(c) // there is nothing to wait for in memory
	return err
}

func newReplayStore(cfg kv.Config) ghost.ReplayStore {
	return replayStore{store.NewMemory(store.MemoryOptions{Records: true, Window: cfg.Limits.Window})}
}

func (a *app) verifyCommand() *cobra.Command {
	options := ghost.VerifyOptions{NewStore: newReplayStore}
	cmd := &cobra.Command{
		Use: "verify DIR...",
		Example: "  kvctl verify /var/lib/ironkv/journals\n" +
			"  kvctl verify j/1 j/2 j/3 --killed",
		Short: "Check the journals of a cluster's hosts, step by step",
		Long: "Check the journals that kvd --journal wrote: the machines of all hosts are executed again on\n" +
			"what they received, in an order in which each packet is received after it was sent. Every step\n" +
			"has to be a step of the protocol and of a single table, and every invariant has to hold.\n" +
			"The journals of all hosts are needed, from their first start on. The machines are kvctl's own:\n" +
			"it has to be built from the same tree as the kvd that wrote the journals.\n\n" +
			"Exit code 1: a step or a state is wrong (the message is the witness), or the journals prove\n" +
			"nothing: one is missing, without its end, cut, or damaged. What was checked until then is\n" +
			"printed, too, unless a file cannot be read at all. Exit code 2: a directory holds no journal, or is given twice.",
		Args: cobra.MinimumNArgs(1),
		RunE: verb(func(_ *cobra.Command, dirs []string) error {
			if err := distinct(dirs); err != nil {
				return err
			}
			lives, err := ghost.ReadDir(dirs...)
			if errors.Is(err, os.ErrNotExist) {
				return usagef("%w: give the directories that kvd --journal wrote into", err)
			}
			if err != nil {
				return err
			}
			report, err := ghost.Verify(lives, options)
			if printing := a.printVerify(report); printing != nil && err == nil {
				err = printing
			}
			if errors.Is(err, ghost.ErrTruncated) {
				err = fmt.Errorf("%w: stop the host if it runs; if it was killed and not started again, say --killed", err)
			}
			return err
		}),
	}
	cmd.Flags().Uint64Var(&options.Every, "every", ghost.DefaultEvery, "check the whole state and all invariants at every `N`th step, beside each step by itself")
	cmd.Flags().BoolVar(&options.Killed, "killed", false, "accept that a host was killed and not started again, so that its journal has no end")
	return cmd
}

// distinct refuses directories that are given twice: their journals would be, too.
func distinct(dirs []string) error {
	var seen []os.FileInfo
	for _, dir := range dirs {
		info, err := os.Stat(dir)
		if err != nil {
			return usageError{err}
		}
		if !info.IsDir() {
			return usagef("%s is no directory: give the directories that kvd --journal wrote into", dir)
		}
		for i, other := range seen {
			if os.SameFile(info, other) {
				return usagef("%s and %s are one directory: give each once", dirs[i], dir)
			}
		}
		seen = append(seen, info)
	}
	return nil
}

type verifyJSON struct {
	Hosts     int      `json:"hosts"`
	Lives     int      `json:"lives"`
	Steps     uint64   `json:"steps"`
	Packets   uint64   `json:"packets"`
	Delegates uint64   `json:"delegates"`
	Requests  uint64   `json:"requests"`
	Cuts      uint64   `json:"cuts"`
	Discarded uint64   `json:"discarded"`
	Shed      uint64   `json:"shed"`
	Unended   []string `json:"unended,omitempty"`
}

func (a *app) printVerify(r ghost.Report) error {
	shape := verifyJSON{r.Hosts, r.Lives, r.Steps, r.Packets, r.Delegates, r.Requests, r.Cuts, r.Discarded, r.Shed, r.Unended}
	return a.emit(shape, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "checked %d hosts in %d lives: %d steps, %d packets between hosts, %d delegates, %d requests executed, %d cuts; "+
			"%d steps never became durable, %d requests were shed\nactions of the protocol:\n%s",
			r.Hosts, r.Lives, r.Steps, r.Packets, r.Delegates, r.Requests, r.Cuts, r.Discarded, r.Shed, r.Coverage)
		for _, where := range r.Unended {
			_, printing := fmt.Fprintf(w, "killed: %s\n", where)
			err = errors.Join(err, printing)
		}
		return err
	})
}
