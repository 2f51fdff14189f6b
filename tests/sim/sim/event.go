package sim

import (
	"fmt"
	"strings"

	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/marshal"
	"ironkv/tests/world"
)

// An Op is a kind of event.
type Op uint8

// The kinds of events.
const (
	opDeliver    Op = iota // a batch of packets reaches a host, or a packet a client
	opTimer                // a host's timer fires
	opInvoke               // a client begins an operation
	opRetransmit           // a client repeats what it has outstanding
	opWait                 // time passes
	opLose                 // a packet is lost
	opCopy                 // a packet is doubled
	opLate                 // a packet of long ago is on the network again
	opForge                // somebody sends a packet that nobody else would
	opDamage               // a packet's bytes are damaged
	opGiveUp               // a client gives an operation up
	opClose                // a client closes a session
	opCrash                // a host crashes at rest
	opRestart              // a host that is down starts
	opJump                 // a host's clock leaps ahead
	opCut                  // a link is cut, or all of a host's, one way or both
	opMend                 // every link is mended
	opRoom                 // a host learns how much room its disk has
	numOps
	// opSettle is none of the adversary's: in a shrunk run it stands for all that a fair
	// network does until it comes to rest.
	opSettle
)

// Settle stands in the place of an event's index for a fair network until it comes to rest.
const Settle = -1

// opNames are the kinds' names in the table of what was seen.
var opNames = [numOps]string{
	"deliver", "timer", "invoke", "retransmit", "wait", "lose", "copy", "late", "forge", "damage", "give-up", "close", "crash",
	"restart", "jump", "cut", "mend", "room",
}

// What a client may ask for, by weight.
const (
	askPut = iota
	askGet
	askDelete
	askScan
	askShard
	askOrder
	askQuestion
	numRequests
)

// An Event is one choice of the adversary. What it does depends on nothing but the
// world that it meets.
type Event struct {
	Op     Op
	Host   delegation.HostID
	Peer   delegation.HostID // opCut: the link's other end; with Client 0 too, everybody
	Way    Way               // opCut
	Client int
	// Flights are the places on the network of the packets meant; Names, filled in
	// where a run is recorded, find them when events before are left out, and Found are
	// the names of what was found then. Brought are the names of the packets that
	// arrived: where datagrams fly, what was complete by them.
	Flights               []int
	Names, Found, Brought []string
	// Index is the event's place in the run that was recorded.
	Index int
	// Timers is how often the host's timer fires behind the packets.
	Timers  int
	Fate    world.Fate
	Span    kv.Time
	Request world.Op
	// Tag names an operation from its beginning to its being given up.
	Tag  int
	Room uint64
	// Damage seeds what is done to the bytes.
	Damage uint64
}

// String tells the event as a story does.
func (e *Event) String() string {
	switch e.Op {
	case opDeliver, opTimer:
		return e.batch()
	case opInvoke:
		return fmt.Sprintf("client %d asks (#%d): %s", e.Client, e.Tag, describe(&e.Request))
	case opRetransmit:
		return fmt.Sprintf("client %d repeats what it has outstanding", e.Client)
	case opWait:
		return fmt.Sprintf("wait %s", span(e.Span))
	case opGiveUp:
		return fmt.Sprintf("client %d gives up #%d", e.Client, e.Tag)
	case opClose:
		return fmt.Sprintf("client %d closes its session at host %d", e.Client, e.Host)
	case opCrash:
		return fmt.Sprintf("host %d crashes", e.Host)
	case opRestart:
		return fmt.Sprintf("host %d starts", e.Host)
	case opJump:
		return fmt.Sprintf("the clock of host %d leaps by %s", e.Host, span(e.Span))
	case opCut:
		return e.cut()
	case opMend:
		return "all links are mended"
	case opRoom:
		return fmt.Sprintf("host %d has room for %d bytes", e.Host, e.Room)
	case opSettle:
		return "settle"
	case opLose, opCopy, opLate, opForge, opDamage, numOps:
	}
	return opNames[e.Op] + " " + e.names()
}

func (e *Event) batch() string {
	b := &strings.Builder{}
	switch {
	case len(e.Names) > 0:
		fmt.Fprintf(b, "deliver %s", e.names())
	case e.Timers > 0:
		fmt.Fprintf(b, "timer of host %d", e.Host)
	}
	if len(e.Names) > 0 && e.Timers > 0 {
		b.WriteString(", timer")
	}
	switch e.Fate {
	case world.LostUnsynced:
		fmt.Fprintf(b, "; host %d crashes before the commit", e.Host)
	case world.LostUnsent:
		fmt.Fprintf(b, "; host %d commits and crashes before it sends", e.Host)
	case world.Sent:
	}
	return b.String()
}

func span(t kv.Time) string {
	return fmt.Sprintf("%dms", t/kv.Millisecond)
}

// describe tells an operation in a few words.
func describe(o *world.Op) string {
	where := ""
	if o.At != 0 {
		where = fmt.Sprintf(" at host %d", o.At)
	}
	condition := ""
	if o.Condition.Set {
		condition = fmt.Sprintf(" if version %d", o.Condition.Version)
	}
	switch o.Kind {
	case world.OpGet:
		return fmt.Sprintf("get %s%s", o.Key, where)
	case world.OpPut:
		return fmt.Sprintf("put %s=%.12q%s%s", o.Key, o.Value, condition, where)
	case world.OpDelete:
		return fmt.Sprintf("delete %s%s%s", o.Key, condition, where)
	case world.OpScan:
		return fmt.Sprintf("scan %v%s", o.Range, where)
	case world.OpShard:
		return fmt.Sprintf("shard %v to host %d, rate %d%s", o.Range, o.Recipient, o.Rate, where)
	case world.OpPause, world.OpResume, world.OpCancel, world.OpThrottle:
		return fmt.Sprintf("%s move %v%s", [...]string{"pause", "resume", "cancel", "throttle"}[o.Kind-world.OpPause], o.Move, where)
	case world.OpMoves, world.OpStatus, world.OpAudit:
	}
	return [...]string{"list moves", "status", "audit"}[o.Kind-world.OpMoves] + where
}

func end(e kv.Endpoint) string {
	if e.Host != 0 {
		return e.Host.String()
	}
	return fmt.Sprintf("c%d", e.Client.Addr().As4()[3])
}

func content(m marshal.Message) string {
	kind := strings.TrimPrefix(fmt.Sprintf("%T", m), "*marshal.")
	//nolint:gochecksumtype // the rest needs no more than its kind
	switch m := m.(type) {
	case *marshal.Single:
		return fmt.Sprintf("%s #%d of %v", kind, m.Seqno, m.Delegate.Range)
	case *marshal.Ack:
		return fmt.Sprintf("%s of #%d", kind, m.Seqno)
	case *marshal.Propose:
		return fmt.Sprintf("%s %v", kind, m.Move)
	case *marshal.Consent:
		return fmt.Sprintf("%s %v", kind, m.Move)
	case *marshal.Refusal:
		return fmt.Sprintf("%s #%d (%v)", kind, m.Number, m.Reason)
	}
	if hd, ok := header(m); ok {
		return fmt.Sprintf("%s #%d", kind, hd.Number)
	}
	return kind
}

// header returns the header of a request or an answer.
func header(m marshal.Message) (marshal.RequestHeader, bool) {
	//nolint:gochecksumtype // the rest has none
	switch m := m.(type) {
	case *marshal.GetRequest:
		return m.RequestHeader, true
	case *marshal.SetRequest:
		return m.RequestHeader, true
	case *marshal.ScanRequest:
		return m.RequestHeader, true
	case *marshal.Shard:
		return m.RequestHeader, true
	case *marshal.MoveOrder:
		return m.RequestHeader, true
	case *marshal.MovesRequest:
		return m.RequestHeader, true
	case *marshal.StatusRequest:
		return m.RequestHeader, true
	case *marshal.AuditRequest:
		return m.RequestHeader, true
	case *marshal.GetReply:
		return m.RequestHeader, true
	case *marshal.SetReply:
		return m.RequestHeader, true
	case *marshal.ScanReply:
		return m.RequestHeader, true
	case *marshal.OrderReply:
		return m.RequestHeader, true
	case *marshal.Redirect:
		return m.RequestHeader, true
	}
	return marshal.RequestHeader{}, false
}
