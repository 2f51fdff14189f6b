package kv

import (
	"fmt"
	"slices"

	"ironkv/delegation"
	"ironkv/marshal"
)

// never is a deadline that does not come.
const never = Time(1<<63 - 1)

// A Host is one host of a cluster: a sequential state machine. It is not safe
// for concurrent use. See the package comment for its contract.
type Host struct {
	cfg   Config
	state *State
	store Store

	// What follows is volatile: a crash loses it, and nothing that another party
	// relies on is in it.
	now    Time     // of the present step; never decreases
	out    *Effects // of the present step
	room   uint64   // bytes the store can take in
	order  []delegation.HostID
	links  map[delegation.HostID]*link
	live   sessions
	holds  holds
	active []*job // unfinished moves, by ascending number
	turn   int    // which of active had the last chunk: moves take turns
	cuts   []*cut
	// lastCut numbers cuts; quietUntil is until when no chunk may be cut, and quietAgain
	// when a new time of quiet may begin.
	lastCut                uint64
	quietUntil, quietAgain Time
	// chunkAt is when a move last cut one; timing says that how long that took is
	// not known yet, yieldUntil that moves yield until then if clients are served;
	// served counts client requests since, and yielding says that there were some before
	// that chunk, since the one before it, and that it was of a move that yields.
	chunkAt, yieldUntil Time
	timing, yielding    bool
	served              int
}

// New returns a host that goes on from state, which it owns from now on. Where
// the state is new (Step 0), its records are written to the store: commit them
// before anything is sent. It fails with [ErrConfig] where cfg contradicts
// itself or the state.
func New(cfg Config, state *State, store Store) (*Host, error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	if state.Host != cfg.Me || state.Root != cfg.Root {
		return nil, fmt.Errorf("%w: the stored state is of host %d of a cluster with root %d, not of host %d with root %d",
			ErrConfig, state.Host, state.Root, cfg.Me, cfg.Root)
	}
	if len(state.Peers) != len(cfg.Members)-1 {
		return nil, fmt.Errorf("%w: the stored state knows %d other hosts, the configuration %d",
			ErrConfig, len(state.Peers), len(cfg.Members)-1)
	}
	cfg.Limits = cfg.Limits.withDefaults()
	h := &Host{cfg: cfg, state: state, store: store, room: ^uint64(0), links: map[delegation.HostID]*link{}}
	for _, m := range cfg.Members {
		if m.ID == cfg.Me {
			continue
		}
		p := state.Peers[m.ID]
		if p == nil {
			return nil, fmt.Errorf("%w: the stored state does not know host %d", ErrConfig, m.ID)
		}
		h.order = append(h.order, m.ID)
		h.links[m.ID] = newLink(p)
	}
	h.live = newSessions(state.Sessions)
	h.holds = newHolds()
	for _, m := range sorted(state.Moves) {
		if !m.Phase.Ended() {
			h.active = append(h.active, &job{Move: m})
		}
	}
	if state.Step == 0 {
		h.writeFirstRecords()
	}
	return h, nil
}

func (h *Host) writeFirstRecords() {
	h.state.Joined = len(h.order) == 0
	h.store.SetIdentity(h.state.Identity)
	h.store.Assign(delegation.All, h.state.Root)
	for _, id := range h.order {
		h.store.SetPeer(id, h.state.Peers[id].Record())
	}
}

// Step takes one atomic step: it receives in, then reads the one clock value
// now, then appends what is to be sent to out (IronFleet, section 3.6: the
// reduction-enabling obligation). See the package comment for what the caller
// owes.
func (h *Host) Step(now Time, in Input, out *Effects) {
	h.now = max(h.now, now)
	h.timeChunk()
	h.out = out
	out.Action, out.Drop = ActNone, DropNone
	h.state.Step++
	switch in.Kind {
	case InputPacket:
		h.receive(in.Packet)
	case InputTimer:
		h.timer()
	case InputRoom:
		out.Action = ActRoom
		h.room = in.Room
	}
	h.out = nil
}

// receive is the paper's ReceivePacket and Process_Message in one action.
func (h *Host) receive(p Packet) {
	switch m := p.Msg.(type) {
	case *marshal.GetRequest:
		h.getRequest(p, m)
	case *marshal.SetRequest:
		h.setRequest(p, m)
	case *marshal.ScanRequest:
		h.scanRequest(p, m)
	case *marshal.Single:
		h.single(p, m)
	case *marshal.Ack:
		h.ack(p, m)
	case *marshal.Hello:
		h.hello(p, m)
	case *marshal.Open:
		h.open(p, m)
	case *marshal.CloseRequest:
		h.closeRequest(p, m)
	case *marshal.Shard:
		h.shard(p, m)
	case *marshal.MoveOrder:
		h.moveOrder(p, m)
	case *marshal.MovesRequest:
		h.movesRequest(p, m)
	case *marshal.StatusRequest:
		h.statusRequest(p, m)
	case *marshal.AuditRequest:
		h.auditRequest(p, m)
	case *marshal.Greet:
		h.greet(p, m)
	case *marshal.Mismatch:
		h.mismatch(p, m)
	case *marshal.Propose:
		h.propose(p, m)
	case *marshal.Consent:
		h.consent(p, m)
	case *marshal.CookieReply, *marshal.Opened, *marshal.GetReply, *marshal.SetReply, *marshal.Redirect,
		*marshal.ScanReply, *marshal.OrderReply, *marshal.MovesReply, *marshal.StatusReply, *marshal.AuditReply,
		*marshal.Refusal:
		h.drop(DropNotForHost)
	}
}

// timer takes the first action that is due, and only one, so that each step is
// one action of the protocol.
func (h *Host) timer() {
	switch {
	case h.holdsDeadline() <= h.now:
		h.nextHold()
	case h.peersDeadline() <= h.now:
		h.nextPeer()
	case h.movesDeadline() <= h.now:
		h.nextMove()
	case h.sessionsDeadline() <= h.now:
		h.expireSession()
	case h.cutsDeadline() <= h.now:
		h.cuts = slices.Delete(h.cuts, 0, 1)
		h.out.Action = ActExpire
	}
}

// Deadline is when a step with [InputTimer] is next due; false where nothing
// but a packet can make the host act.
func (h *Host) Deadline() (Time, bool) {
	t := min(h.holdsDeadline(), h.peersDeadline(), h.movesDeadline(), h.sessionsDeadline(), h.cutsDeadline())
	if h.timing && h.yielding { // what a chunk took is asked at once, not when the next packet comes
		t = min(t, h.chunkAt+1)
	}
	return t, t != never
}

// Pressing is Deadline without what a host does for itself when nobody asks it for anything:
// moves that yield to clients, and what expires.
func (h *Host) Pressing() (Time, bool) {
	t := min(h.holdsDeadline(), h.peersDeadline())
	for _, j := range h.active {
		if !h.yields(j) {
			t = min(t, h.moveDeadline(j))
		}
	}
	return t, t != never
}

// Counters returns the number of steps taken and the clock: what is committed
// with every batch.
func (h *Host) Counters() Counters { return h.state.Counters }

// Serving reports whether the host has joined: every peer has confirmed, in this
// life of its state, that it knows no earlier one.
func (h *Host) Serving() bool { return h.state.Joined }

// Waiting returns the peers that have not confirmed this host's incarnation, by
// ascending id.
func (h *Host) Waiting() []delegation.HostID {
	var w []delegation.HostID
	for _, id := range h.order {
		if !h.state.Peers[id].Confirmed {
			w = append(w, id)
		}
	}
	return w
}

// State returns the durable state, to be read only, and only between steps.
func (h *Host) State() *State { return h.state }

// Store returns the store that the host was given, to be read only, and only
// between steps.
func (h *Host) Store() Store { return h.store }

// Config returns the configuration, with its defaults filled in.
func (h *Host) Config() Config { return h.cfg }

func (h *Host) me() Endpoint { return Endpoint{Host: h.cfg.Me} }

func (h *Host) send(dst Endpoint, m marshal.Message) { h.out.send(h.me(), dst, m) }

func (h *Host) drop(reason DropReason) {
	h.out.Action = ActDrop
	h.out.Drop = reason
}

// halt ends the host: nothing of this step may leave.
func (h *Host) halt(format string, args ...any) {
	h.out.Halt = fmt.Errorf("%w: "+format, append([]any{ErrLostState}, args...)...)
}
