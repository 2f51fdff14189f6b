package main

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"ironkv/ghost"
)

// A mutant is a fault to seed.
type mutant struct {
	name string
	// file is relative to the module's root.
	file string
	// before occurs exactly once in file, and after replaces it.
	before, after string
	// breaks says what is wrong then.
	breaks string
	// by is the check that has to catch it; "" for the first of its directory's.
	by string
	// hangs says that a check which does not end has caught it.
	hangs bool
	// names is the invariant that has to be violated; "" for whatever fails.
	names string
}

// checksOf are the checks of what lies in a directory, the first that says most first.
var checksOf = map[string][]string{
	"kv":           {"sim", "explore", "./kv"},
	"delegation":   {"./delegation", "sim"},
	"udp/delivery": {"sim", "explore", "./udp/delivery", "./kv"},
	"udp":          {"./udp", "sim"},
	"marshal":      {"./marshal", "sim"},
	"kv/store":     {"./kv/store", "sim"},
	"kv/server":    {"./kv/server", "./kv/cluster"},
	"kv/client":    {"./kv/client", "./kv/cluster"},
	"ghost":        {"./ghost"},
	"ghost/lock":   {"./ghost/lock"},
}

// all returns every mutant.
func all() []mutant {
	return slices.Concat(invariantMutants, shardMutants, sessionMutants, deliveryMutants, mapMutants, storeMutants, serverMutants, udpMutants, clientMutants, costMutants, ghostMutants, lockMutants, auditMutants, flightMutants, holdMutants, overtakingMutants, refusalMutants, paceMutants, chaosMutants)
}

// checks returns those to try, in order.
func (m *mutant) checks() []string {
	list := checksOf[path.Dir(m.file)]
	switch m.by {
	case "":
		return list
	case chaosCheck: // no other is to do its work
		return []string{chaosCheck}
	}
	return append([]string{m.by}, slices.DeleteFunc(slices.Clone(list), func(c string) bool { return c == m.by })...)
}

// apply returns the mutated text of the file.
func (m *mutant) apply(root string) (string, error) {
	b, err := os.ReadFile(filepath.Join(root, m.file))
	if err != nil {
		return "", fmt.Errorf("mutant %s: %w", m.name, err)
	}
	if n := strings.Count(string(b), m.before); n != 1 {
		return "", fmt.Errorf("mutant %s: its text is in %s %d times, not once: find the code that it meant and write it anew", m.name, m.file, n)
	}
	return strings.Replace(string(b), m.before, m.after, 1), nil
}

// invariants are the names of all that the judge checks.
func invariants() (names []string) {
	for _, i := range ghost.Invariants {
		names = append(names, i.Name)
	}
	return append(names, ghost.Liveness.Name, ghost.Obligation, ghost.Accounting, ghost.Durability)
}

// checkList finds what is wrong with a list as such.
func checkList(root string, list []mutant) error {
	seen := map[string]bool{}
	for i := range list {
		m := &list[i]
		if _, err := m.apply(root); err != nil {
			return err
		}
		switch {
		case m.name == "" || m.breaks == "":
			return fmt.Errorf("a mutant of %s (%q) has no name, or does not say what it breaks", m.file, m.name)
		case seen[m.name]:
			return fmt.Errorf("two mutants are called %s", m.name)
		case m.before == m.after:
			return fmt.Errorf("mutant %s changes nothing", m.name)
		case len(m.checks()) == 0:
			return fmt.Errorf("mutant %s: no check is for %s", m.name, path.Dir(m.file))
		}
		if m.names != "" && !slices.Contains(invariants(), m.names) {
			return fmt.Errorf("mutant %s: there is no invariant %s", m.name, m.names)
		}
		seen[m.name] = true
	}
	return nil
}
