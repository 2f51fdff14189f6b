package marshal

import (
	"fmt"
	"strings"
	"testing"
)

// People read every phase, reason and refusal in words.
func TestEveryValueHasItsOwnWords(t *testing.T) {
	for name, words := range map[string]func(uint8) (fmt.Stringer, bool){
		"phase":   func(i uint8) (fmt.Stringer, bool) { return MovePhase(i), i < uint8(numMovePhases) },
		"reason":  func(i uint8) (fmt.Stringer, bool) { return OrderReason(i), i < uint8(numOrderReasons) },
		"refusal": func(i uint8) (fmt.Stringer, bool) { return RefusalReason(i), i < uint8(numRefusalReasons) },
	} {
		seen := map[string]bool{}
		for i := uint8(0); ; i++ {
			value, ok := words(i)
			if got := value.String(); strings.HasPrefix(got, "unknown (") == ok || seen[got] {
				t.Errorf("%s %d is called %q", name, i, got)
			}
			if !ok {
				break
			}
			seen[value.String()] = true
		}
	}
}

func TestWhichPhasesAreFinal(t *testing.T) {
	for p := range numMovePhases {
		if want := p == MoveDone || p == MoveCanceled || p == MoveFailed; p.Ended() != want {
			t.Errorf("%v: Ended is %v", p, p.Ended())
		}
	}
}

func TestMoveIDPrintsHostAndNumber(t *testing.T) {
	if got := (MoveID{Host: 3, Number: 12}).String(); got != "3-12" {
		t.Errorf("%q", got)
	}
}
