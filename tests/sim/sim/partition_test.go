package sim

import (
	"fmt"
	"slices"
	"testing"

	"ironkv/kv"
)

// Each way of a cut keeps from arriving what it says, and nothing else, until all is mended.
func TestWaysOfACut(t *testing.T) {
	const cutHost, peer, client = 1, 2, 1
	told := map[Way]struct {
		lost []string
		told string
	}{
		wayOneWay:     {[]string{"1>2"}, "cut (one-way): nothing from host 1 arrives at host 2"},
		wayTwoWay:     {[]string{"1>2", "2>1"}, "cut (two-way): nothing arrives between host 1 and host 2"},
		wayMute:       {[]string{"1>2", "1>c1", "1>c2"}, "cut (mute): nothing from host 1 arrives at anybody"},
		wayDeaf:       {[]string{"2>1", "c1>1", "c2>1"}, "cut (deaf): nothing from anybody arrives at host 1"},
		wayApart:      {[]string{"1>2", "1>c1", "1>c2", "2>1", "c1>1", "c2>1"}, "cut (cut off): nothing arrives between host 1 and anybody"},
		wayToClient:   {[]string{"1>c1"}, "cut (to a client): nothing from host 1 arrives at client 1"},
		wayFromClient: {[]string{"c1>1"}, "cut (from a client): nothing from client 1 arrives at host 1"},
		wayClient:     {[]string{"1>c1", "c1>1"}, "cut (two-way with a client): nothing arrives between host 1 and client 1"},
	}
	if len(told) != int(numWays) || slices.Contains(usualWays[:], 0) {
		t.Error("a way of a cut is not tested, or never drawn")
	}
	for way, want := range told {
		s := setting{Options: Options{Seed: 1}}.start()
		s.mix.hosts, s.mix.clients = 2, 2
		s.build()
		e := Event{Op: opCut, Host: cutHost, Way: way}
		switch {
		case ways[way].ofClient:
			e.Client = client
		case way == wayOneWay || way == wayTwoWay:
			e.Peer = peer
		}
		s.apply(&e)
		ends := []kv.Endpoint{{Host: 1}, {Host: 2}, {Client: s.world.Clients[0].Addr}, {Client: s.world.Clients[1].Addr}}
		lost := func() (names []string) {
			for _, src := range ends {
				for _, dst := range ends {
					by, cut := s.cutBy(src, dst)
					if cut && src != dst {
						names = append(names, fmt.Sprintf("%s>%s", end(src), end(dst)))
					}
					if cut && by != way {
						t.Errorf("%s: lost by %s", ways[way].name, ways[by].name)
					}
				}
			}
			return names
		}
		if got := lost(); !slices.Equal(got, want.lost) {
			t.Errorf("%s: %v are lost, want %v", ways[way].name, got, want.lost)
		}
		if got := e.String(); got != want.told {
			t.Errorf("%s is told as: %s", ways[way].name, got)
		}
		s.apply(&Event{Op: opMend})
		if got := lost(); got != nil {
			t.Errorf("%s: mended, %v are lost", ways[way].name, got)
		}
	}
}
