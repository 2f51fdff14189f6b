package main

import (
	"testing"

	"ironkv/tests/exit"
	"ironkv/tests/sim/sim"
)

// Each kind of failure has its exit code.
func TestExitCodes(t *testing.T) {
	for kind, code := range map[sim.Kind]int{sim.Crash: exit.Crash, sim.Safety: exit.Safety, sim.Liveness: exit.Liveness} {
		if got := codeOf(kind); got != code {
			t.Errorf("%v: exit code %d, want %d", kind, got, code)
		}
	}
}
