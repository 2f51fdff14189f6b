package ghost_test

import (
	"testing"

	"ironkv/ghost"
	"ironkv/ghost/protocol"
	"ironkv/kv"
)

// The checker of a host alone, in the state of S that all have come to, makes of each
// step what the checker of all hosts makes of it; and those of all, joined, are it.
func TestACheckerOfOneHost(t *testing.T) {
	c := newCluster(t, 3, testLimits)
	whole, err := ghost.NewChecker(1, c.hosts...)
	if err != nil {
		t.Fatal(err)
	}
	var parts []*ghost.Checker
	for _, h := range c.hosts {
		parts = append(parts, whole.Alone(h.State().Host))
	}
	steps, service := 0, whole.System().Service
	c.observe = func(i int, _ kv.Time, in kv.Input, out *kv.Effects) {
		steps++
		parts[i] = parts[i].In(service)
		if err := whole.Step(c.hosts[i], in, out); err != nil {
			t.Fatal(err)
		}
		if err := parts[i].Step(c.hosts[i], in, out); err != nil {
			t.Fatal(err)
		}
		service = parts[i].System().Service
		joined := ghost.Join(parts...).In(service)
		if err := joined.Check(c.hosts...); err != nil {
			t.Fatal(err)
		}
		for j, h := range whole.System().Hosts {
			if err := protocol.Differ(h, joined.System().Hosts[j]); err != nil {
				t.Fatal(err)
			}
		}
		if string(service.Encode(nil)) != string(whole.System().Service.Encode(nil)) {
			t.Fatal("the checker of one host leads to another state of S")
		}
	}
	adversary(c, 1, 400, func(i int) {
		if err := whole.Restart(c.hosts[i]); err != nil {
			t.Fatal(err)
		}
		if err := parts[i].Restart(c.hosts[i]); err != nil {
			t.Fatal(err)
		}
	})
	if steps < 200 {
		t.Errorf("only %d steps", steps)
	}
	h := c.hosts[0]
	s := h.State().Clone()
	s.Clock++
	other, err := kv.New(h.Config(), s, h.Store())
	if err != nil {
		t.Fatal(err)
	}
	if parts[0].Compare(other) == nil || parts[0].Compare(h) != nil {
		t.Error("a clock that differs is not seen")
	}
}
