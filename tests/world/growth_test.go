package world

import "testing"

// What an operation costs does not grow with the number of hosts: a request and
// its answer; and a move costs a delegate and its acknowledgement for each chunk,
// and what it takes to agree on it.
func TestMessagesDoNotGrowWithHosts(t *testing.T) {
	t.Log("hosts  messages per get  per put  per move, of entries")
	for _, hosts := range []int{1, 2, 4, 8, 16, 32, 64} {
		c, err := CostOf(hosts)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%5d  %16.2f  %7.2f  %8.0f  %11d", hosts, c.PerGet, c.PerPut, c.PerMove, c.Moved)
		if c.PerGet != 2 || c.PerPut != 2 {
			t.Errorf("%d hosts: %.2f messages per get, %.2f per put; want a request and an answer", hosts, c.PerGet, c.PerPut)
		}
		// Order and answer, proposal and consent, and for each chunk, of four entries at
		// least, a delegate and an acknowledgement.
		if most := float64(4 + 2*max(1, c.Moved/4)); c.PerMove > most || c.PerMove == 0 && hosts > 1 {
			t.Errorf("%d hosts: %.0f messages for a move of %d entries, want %.0f at most", hosts, c.PerMove, c.Moved, most)
		}
	}
	for _, hosts := range []int{0, costKeys + 1} {
		if _, err := CostOf(hosts); err == nil {
			t.Errorf("there is a cost of %d hosts with %d keys", hosts, costKeys)
		}
	}
}
