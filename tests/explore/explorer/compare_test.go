package explorer

import (
	"testing"

	"ironkv/ghost/protocol"
)

// What P allows and hosts never do, and what hosts do that is not searched in P, has
// its reason: what the refinement is not checked against here would be seen.
func TestWhatPAllowsAndHostsNeverDo(t *testing.T) {
	c, err := Compare(Compared, 2)
	t.Logf("\n%v", c)
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, choice := range protocol.Choices() {
		known[choice] = true
		p, h, why := c.P.Count(choice), c.Hosts.Count(choice), whyNot[choice]
		if (why == "") != (p > 0 && h > 0) {
			t.Errorf("%s: %d times in P, %d times by hosts, and why not: %q", choice, p, h, why)
		}
	}
	for choice := range whyNot {
		if !known[choice] {
			t.Errorf("%s is no choice of P's", choice)
		}
	}
	for _, seen := range append(c.P.Names(), c.Hosts.Names()...) {
		if !known[seen] {
			t.Errorf("%s is not among the choices of P", seen)
		}
	}
	for _, refusal := range []string{
		"NextOrder: the recipient is not this host", "NextOrder: the recipient is a host of the cluster", "NextOrder: this host owns all of the range",
		"NextDelegate: the number is the next (NewSingleMessage)", "NextSetRequest: the number has no answer yet",
	} {
		if c.Refused.Count(refusal) == 0 {
			t.Errorf("P never refused %s", refusal)
		}
	}
}
