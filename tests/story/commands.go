package story

import (
	"errors"
	"fmt"
	"slices"

	"ironkv/delegation"
	"ironkv/ghost"
	"ironkv/ghost/protocol"
	"ironkv/kv"
	"ironkv/kv/store"
	"ironkv/marshal"
	"ironkv/tests/world"
)

// commands is the vocabulary; doc.go says what each means.
var commands = map[string]func(*stage, *args) error{
	"hosts": cmdHosts,
	"put":   cmdAsk(world.OpPut), "get": cmdAsk(world.OpGet), "delete": cmdAsk(world.OpDelete), "scan": cmdAsk(world.OpScan),
	"shard": cmdAsk(world.OpShard), "pause": cmdAsk(world.OpPause), "resume": cmdAsk(world.OpResume), "cancel": cmdAsk(world.OpCancel),
	"send": cmdSend, "repeat": cmdRepeat, "giveup": cmdGiveUp, "close": cmdClose,
	"deliver": cmdDeliver, "drop": cmdDrop, "late": cmdLate, "forge": cmdForge,
	"tick": cmdTick, "wait": cmdWait, "settle": cmdSettle,
	"crash": cmdCrash, "restart": cmdRestart, "save": cmdSave, "wipe": cmdWipe, "room": cmdRoom,
	"fragment": cmdFragment, "arrive": cmdArrive,
	"owners": cmdOwners, "host": cmdHost, "moves": cmdMoves, "net": cmdNet, "drops": cmdDrops,
}

func cmdHosts(s *stage, a *args) error {
	if s.world != nil {
		return errors.New("there are hosts already")
	}
	cfg := world.Config{Hosts: int(a.number("the number of hosts", a.word("the number of hosts"))), Met: !a.is("unmet")}
	cfg.Root = delegation.HostID(a.optNumber("root", 1))
	cfg.Clients = int(a.optNumber("clients", 2))
	cfg.Limits = kv.Limits{
		ChunkBytes: int(a.optNumber("chunk", 0)), Window: uint32(a.optNumber("window", 0)), Answers: int(a.optNumber("answers", 0)),
		Moves: int(a.optNumber("moves", 0)), Holds: int(a.optNumber("holds", 0)), SessionsPerClient: int(a.optNumber("sessions", 0)),
		ReserveBytes: a.optNumber("reserve", 0), SessionIdle: a.optSpan("idle"), HoldTime: a.optSpan("hold"),
	}
	if err := a.end(); err != nil {
		return err
	}
	if cfg.Hosts < 1 || uint64(cfg.Root) > uint64(cfg.Hosts) || cfg.Root == 0 || cfg.Clients < 1 {
		return fmt.Errorf("%d hosts with root %d and %d clients: at least one of each, and the root is a host", cfg.Hosts, cfg.Root, cfg.Clients)
	}
	cfg.NewStore = func(delegation.HostID) world.Store {
		return store.NewMemory(store.MemoryOptions{Records: true, Window: cfg.Limits.Window})
	}
	s.world = world.New(cfg)
	s.world.Observer = s.observe
	s.views, s.wiped, s.told = map[delegation.HostID]protocol.Host{}, map[delegation.HostID]bool{}, map[delegation.HostID]bool{}
	s.saved = map[delegation.HostID]*store.Memory{}
	s.ended, s.drops = map[marshal.MoveID]bool{}, map[string]int{}
	s.wire = newWire(s)
	var hosts []*kv.Host
	for _, n := range s.world.Nodes {
		hosts = append(hosts, n.Host)
	}
	var err error
	s.checker, err = ghost.NewChecker(1, hosts...)
	s.took()
	return err
}

func (s *stage) up(id delegation.HostID) error {
	if err := s.exists(id); err != nil {
		return err
	}
	if s.world.Node(id).Host == nil {
		return fmt.Errorf("host %d is down", id)
	}
	return nil
}

func (s *stage) exists(id delegation.HostID) error {
	if id == 0 || int(id) > len(s.world.Nodes) {
		return fmt.Errorf("there is no host %d", id)
	}
	return nil
}

// fate takes the option crash=.
func (a *args) fate() world.Fate {
	v, ok := a.opt("crash")
	switch {
	case !ok:
		return world.Sent
	case v == "uncommitted":
		return world.LostUnsynced
	case v != "unsent":
		a.fail("crash=%s: it is crash=uncommitted or crash=unsent", v)
	}
	return world.LostUnsent
}

// batch lets a host take inputs and meet its fate.
func (s *stage) batch(id delegation.HostID, inputs []kv.Input, fate world.Fate) {
	before := s.checker.Clone()
	s.silent = fate == world.LostUnsynced
	s.world.Batch(id, inputs, fate)
	s.silent = false
	switch {
	case fate == world.LostUnsynced:
		s.checker = before
		s.say("host %d crashes before its commit: nothing of this has happened", id)
	case fate == world.LostUnsent:
		s.say("host %d crashes behind its commit: nothing of this is sent", id)
	}
	if fate != world.Sent {
		s.wire.restarted(id)
	}
	s.took()
}

func cmdDeliver(s *stage, a *args) error {
	lost, kept, fate := a.optPatterns("drop"), a.optPatterns("keep"), a.fate()
	copied := a.is("copy")
	q := a.pattern()
	if err := a.end(); err != nil {
		return err
	}
	if q == (pattern{}) {
		if copied || fate != world.Sent {
			return errors.New("copy and crash= want a description of the packets: deliver Delegate 1>2")
		}
		return s.flow(lost, kept)
	}
	packets, err := s.onNetwork(q, copied)
	if err != nil {
		return err
	}
	return s.hand(packets, fate)
}

// onNetwork returns the packets of a description, and takes them off the network
// unless they are copied.
func (s *stage) onNetwork(q pattern, copied bool) (packets []kv.Packet, err error) {
	s.world.Net = slices.DeleteFunc(s.world.Net, func(f world.Flight) bool {
		if !s.matches(q, f.Packet) {
			return false
		}
		packets = append(packets, f.Packet)
		return !copied
	})
	if len(packets) == 0 {
		return nil, fmt.Errorf("there is no %v on the network: %s", q, s.netText())
	}
	return packets, nil
}

// hand gives packets to their receivers, and tells what hosts answer clients. With
// a fate, they are one batch of one host.
func (s *stage) hand(packets []kv.Packet, fate world.Fate) error {
	s.answers = true
	defer func() { s.answers = false }()
	if fate == world.Sent {
		for _, p := range packets {
			if id := p.Dst.Host; id != 0 && s.world.Node(id).Host == nil {
				s.say("lost: %s, host %d is down", s.packetText(p), id)
			}
			s.world.Hand(p)
			s.took()
		}
		return nil
	}
	var inputs []kv.Input
	for _, p := range packets {
		if p.Dst != packets[0].Dst || p.Dst.Host == 0 {
			return fmt.Errorf("a crash is of one host, but these are for %s and %s", s.endText(packets[0].Dst), s.endText(p.Dst))
		}
		inputs = append(inputs, kv.Input{Kind: kv.InputPacket, Packet: p})
	}
	id := packets[0].Dst.Host
	if err := s.up(id); err != nil {
		return err
	}
	s.batch(id, inputs, fate)
	return nil
}

func cmdDrop(s *stage, a *args) error {
	q := a.pattern()
	if err := a.end(); err != nil {
		return err
	}
	packets, err := s.onNetwork(q, false)
	for _, p := range packets {
		s.say("lost: %s", s.packetText(p))
	}
	return err
}

// past takes a description, and returns the first packet of it that was ever sent;
// behind the word last, the last.
func (s *stage) past(a *args) (kv.Packet, error) {
	sent := s.sent
	if a.is("last") {
		sent = slices.Clone(sent)
		slices.Reverse(sent)
	}
	q := a.pattern()
	for _, p := range sent {
		if q != (pattern{}) && s.matches(q, p) {
			return p, nil
		}
	}
	return kv.Packet{}, fmt.Errorf("no %v was ever sent", q)
}

func cmdLate(s *stage, a *args) error {
	p, err := s.past(a)
	if err := errors.Join(err, a.end()); err != nil {
		return err
	}
	return s.hand([]kv.Packet{p}, world.Sent)
}

func cmdTick(s *stage, a *args) error {
	id, fate := a.host(a.word("a host")), a.fate()
	if err := a.end(); err != nil {
		return err
	}
	if err := s.up(id); err != nil {
		return err
	}
	if t, ok := s.world.Due(id); !ok || t > s.world.Now {
		return fmt.Errorf("host %d has nothing to do now", id)
	}
	s.answers = true
	s.batch(id, []kv.Input{{Kind: kv.InputTimer}}, fate)
	s.answers = false
	return nil
}

func cmdWait(s *stage, a *args) error {
	end := s.world.Now + a.span(a.word("a time"))
	if err := a.end(); err != nil {
		return err
	}
	for range mostEvents {
		if !s.tickFirst(end) {
			s.world.Now = end
			return nil
		}
	}
	return fmt.Errorf("a host does not come to rest: %d timers", mostEvents)
}

func cmdSettle(s *stage, a *args) error {
	if err := a.end(); err != nil {
		return err
	}
	return s.settle()
}

func cmdCrash(s *stage, a *args) error {
	id := a.host(a.word("a host"))
	if err := a.end(); err != nil {
		return err
	}
	if err := s.up(id); err != nil {
		return err
	}
	s.world.Crash(id)
	s.wire.restarted(id)
	return nil
}

func cmdRestart(s *stage, a *args) error {
	id := a.host(a.word("a host"))
	if err := a.end(); err != nil {
		return err
	}
	if err := s.exists(id); err != nil {
		return err
	}
	if s.world.Node(id).Host != nil || s.world.Halted[id] != nil {
		return fmt.Errorf("host %d is up, or has stopped for good", id)
	}
	s.world.Restart(id)
	s.took()
	if len(s.wiped) > 0 {
		return nil
	}
	return s.checker.Restart(s.world.Node(id).Host)
}

// cmdSave makes the copy of a disk with which wipe can start the host.
func cmdSave(s *stage, a *args) error {
	id := a.host(a.word("a host"))
	if err := a.end(); err != nil {
		return err
	}
	if err := s.up(id); err != nil {
		return err
	}
	s.saved[id] = s.world.Node(id).Store.(*store.Memory).Clone()
	return nil
}

func cmdWipe(s *stage, a *args) error {
	id, saved := a.host(a.word("a host")), a.is("saved")
	if err := a.end(); err != nil {
		return err
	}
	if err := s.exists(id); err != nil {
		return err
	}
	switch {
	case s.world.Node(id).Host != nil:
		return fmt.Errorf("host %d is up: crash it before its disk is wiped", id)
	case saved && s.saved[id] == nil:
		return fmt.Errorf("there is no copy of the disk of host %d: save it first", id)
	case saved:
		s.older = true
		s.world.Node(id).Store = s.saved[id].Clone() // may be put back again
		s.world.Restart(id)
	default:
		s.world.Wipe(id)
	}
	s.wiped[id] = true
	s.took()
	return nil
}

func cmdRoom(s *stage, a *args) error {
	id := a.host(a.word("a host"))
	room := a.number("the room in bytes", a.word("the room in bytes"))
	if err := a.end(); err != nil {
		return err
	}
	if err := s.up(id); err != nil {
		return err
	}
	s.batch(id, []kv.Input{{Kind: kv.InputRoom, Room: room}}, world.Sent)
	return nil
}
