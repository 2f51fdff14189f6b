package store

import "testing"

// TestProbeOfNoKey: what a scan from −∞ looks for has no key. Where that would be
// is part of its allocation all the same; a pointer behind it would be one into
// somebody else's, which the race detector's build finds out.
func TestProbeOfNoKey(t *testing.T) {
	for range 1000 { // some of them have a neighbour
		if p := probe(nil, ""); p.key() != "" {
			t.Fatalf("the probe has the key %q", p.key())
		}
	}
}
