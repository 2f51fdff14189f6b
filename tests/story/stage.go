package story

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"ironkv/delegation"
	"ironkv/ghost"
	"ironkv/ghost/judge"
	"ironkv/ghost/protocol"
	"ironkv/kv"
	"ironkv/kv/store"
	"ironkv/marshal"
	"ironkv/tests/world"
)

// A stage is what a story is played on: a world, and its judge.
type stage struct {
	world   *world.World
	checker *ghost.Checker
	seen    []string // told since the block began
	ops     []*asked
	// sent is every packet that was ever sent, in order; serial is of the last.
	sent   []kv.Packet
	serial uint64
	// views are the hosts as P sees them, the last of each that was seen; wiped are
	// those that lost their disk: from then on only invariants are judged, since P
	// knows of no such thing.
	views map[delegation.HostID]protocol.Host
	wiped map[delegation.HostID]bool
	// older says that one of them has an older copy of it: then nothing is judged.
	older bool
	saved map[delegation.HostID]*store.Memory
	told  map[delegation.HostID]bool // that it stopped
	ended map[marshal.MoveID]bool    // moves of which it was told
	drops map[string]int
	wire  *wire
	// answers says that what hosts tell clients is told too; silent that no step is.
	answers, silent bool
	broken          error // the judge's word
}

func (s *stage) say(format string, values ...any) {
	s.seen = append(s.seen, fmt.Sprintf(format, values...))
}

// do lets one command happen, and has all hosts judged.
func (s *stage) do(line string) error {
	words := strings.Fields(line)
	c, ok := commands[words[0]]
	switch {
	case !ok:
		return fmt.Errorf("there is no command %q; tests/story/doc.go lists them", words[0])
	case s.world == nil && words[0] != "hosts":
		return errNoHosts
	}
	if err := c(s, &args{words: words[1:]}); err != nil {
		return err
	}
	s.tellOps()
	if s.broken == nil {
		s.broken = s.judge()
	}
	return s.broken
}

// judge checks every invariant, and that hosts are what their steps made of them.
func (s *stage) judge() error {
	var up []*kv.Host
	for _, n := range s.world.Nodes {
		if n.Host != nil {
			up = append(up, n.Host)
			s.views[n.ID] = ghost.AbstractHost(n.Host)
		}
	}
	switch {
	case s.older:
		return nil
	case len(s.wiped) == 0:
		return s.checker.Check(up...)
	}
	for id := range s.wiped {
		if h := s.world.Node(id).Host; h != nil && h.Serving() {
			return fmt.Errorf("host %d has lost its disk, and serves", id)
		}
	}
	for _, i := range ghost.Invariants {
		if i.Name == "Refinement" || i.Name == "ClockCoversVersions" {
			continue // they compare with what was executed, which is lost
		}
		if err := judge.Check([]ghost.Invariant{i}, s.system()); err != nil {
			return err
		}
	}
	return nil
}

// system is P's view of the cluster.
func (s *stage) system() protocol.System {
	if len(s.wiped) == 0 {
		return s.checker.System()
	}
	sys := protocol.NewSystem(s.world.Config.Root, nil, false)
	for _, id := range slices.Sorted(maps.Keys(s.views)) {
		sys.Hosts = append(sys.Hosts, s.views[id])
	}
	return sys
}

// observe is told of every step of a host.
func (s *stage) observe(st world.Step) {
	if !s.silent {
		s.narrate(st)
	}
	if len(s.wiped) > 0 || s.broken != nil {
		return
	}
	s.broken = s.checker.Step(st.Node.Host, st.In, st.Out)
}

// took notes what was sent since it was called last, and who stopped.
func (s *stage) took() {
	for _, f := range s.world.Net {
		if f.Serial > s.serial {
			s.serial = f.Serial
			s.sent = append(s.sent, f.Packet)
		}
	}
	for _, n := range s.world.Nodes {
		if err := s.world.Halted[n.ID]; err != nil && !s.told[n.ID] {
			s.told[n.ID] = true
			s.say("host %d stops: %v", n.ID, err)
		}
	}
}

// mostEvents bounds what one command may set off.
const mostEvents = 5000

// deliverAt delivers the packet in the i-th place.
func (s *stage) deliverAt(i int) {
	s.world.Deliver(i)
	s.took()
}

// travel delivers the packets of one client, and no others, until there are none.
func (s *stage) travel(client int, lost, kept []pattern) error {
	addr := s.world.Clients[client-1].Addr
	for range mostEvents {
		s.took()
		i := slices.IndexFunc(s.world.Net, func(f world.Flight) bool {
			return (f.Packet.Src.Client == addr || f.Packet.Dst.Client == addr) && !s.matchesAny(kept, f.Packet)
		})
		switch {
		case i < 0:
			return nil
		case s.matchesAny(lost, s.world.Net[i].Packet):
			s.lose(i)
		default:
			s.deliverAt(i)
		}
		if s.tired() {
			return nil
		}
	}
	return fmt.Errorf("client %d is still busy after %d packets", client, mostEvents)
}

// mostTries is how often a request may be redirected in no time.
const mostTries = 10

// tired reports whether a request runs in circles.
func (s *stage) tired() bool {
	return slices.ContainsFunc(s.ops, func(o *asked) bool { return !o.Done && o.Tries > mostTries })
}

func (s *stage) lose(i int) {
	s.say("lost: %s", s.packetText(s.world.Net[i].Packet))
	s.world.Drop(i)
}

// flow delivers everything and fires every timer that is due, without any time
// passing, until nothing happens any more.
func (s *stage) flow(lost, kept []pattern) error {
	for range mostEvents {
		s.took()
		i := slices.IndexFunc(s.world.Net, func(f world.Flight) bool { return !s.matchesAny(kept, f.Packet) })
		switch {
		case i >= 0 && s.matchesAny(lost, s.world.Net[i].Packet):
			s.lose(i)
		case i >= 0:
			s.deliverAt(i)
		case !s.tickFirst(s.world.Now):
			return nil
		}
		if s.tired() {
			return nil
		}
	}
	return fmt.Errorf("it does not end: %d packets and timers so far", mostEvents)
}

// tickFirst fires the timer that is due first, if one is until then.
func (s *stage) tickFirst(end kv.Time) bool {
	first, at := delegation.HostID(0), end
	for _, n := range s.world.Nodes {
		if t, ok := s.world.Due(n.ID); ok && t <= at && (first == 0 || t < at) {
			first, at = n.ID, t
		}
	}
	if first == 0 {
		return false
	}
	s.world.Now = max(s.world.Now, at)
	s.world.Tick(first)
	s.took()
	return true
}

// settle is a fair network: everything comes to its end, or it is an error.
func (s *stage) settle() error {
	if !s.world.Settle(mostEvents, func() bool { s.took(); return s.settled() == nil || s.broken != nil }) {
		return fmt.Errorf("after %d events of a fair network: %w", mostEvents, s.settled())
	}
	return nil
}

// settled says what has not come to its end.
func (s *stage) settled() error {
	for _, o := range s.ops {
		if !o.Done && !o.Unknown {
			return fmt.Errorf("%s has no answer", o.text)
		}
	}
	if len(s.world.Net) > 0 {
		return fmt.Errorf("%s is on the network", s.packetText(s.world.Net[0].Packet))
	}
	if len(s.wiped) > 0 {
		return nil
	}
	return ghost.Liveness.Check(s.system())
}
