package main

import (
	"testing"

	"ironkv/tests/exit"
	"ironkv/tests/sim/sim"
)

// What is written of a story's events is read as the same.
func TestOnly(t *testing.T) {
	for _, text := range []string{"0", "3,5-9", "3,5-9,settle,12", "settle", "1,settle,settle,2-3", "7,settle"} {
		indices, err := parseOnly(text)
		if got := formatOnly(indices); err != nil || got != text {
			t.Errorf("%s: read as %v, written as %s: %v", text, indices, got, err)
		}
	}
	for _, text := range []string{"", "a", "3,3", "9-5", "3,settle,2", "-1", "3,", "settled"} {
		if indices, err := parseOnly(text); err == nil {
			t.Errorf("%q is read as %v", text, indices)
		}
	}
}

// Each kind of failure has its exit code.
func TestExitCodes(t *testing.T) {
	for kind, code := range map[sim.Kind]int{sim.Crash: exit.Crash, sim.Safety: exit.Safety, sim.Liveness: exit.Liveness} {
		if got := codeOf(kind); got != code {
			t.Errorf("%v: exit code %d, want %d", kind, got, code)
		}
	}
}
