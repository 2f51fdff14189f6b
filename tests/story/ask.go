package story

import (
	"fmt"
	"slices"

	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/marshal"
	"ironkv/tests/world"
)

// asked is an operation of a client.
type asked struct {
	*world.Op
	client     int
	name, text string
	told       string // what was last told of it
}

// opNames are the operations as commands name them.
var opNames = map[world.OpKind]string{
	world.OpPut: "put", world.OpGet: "get", world.OpDelete: "delete", world.OpScan: "scan", world.OpShard: "shard",
	world.OpPause: "pause", world.OpResume: "resume", world.OpCancel: "cancel",
}

// operation reads an operation and invokes it.
func (s *stage) operation(kind world.OpKind, a *args) (*asked, error) {
	o, op := &asked{}, world.Op{Kind: kind}
	o.client = int(a.optNumber("client", 1))
	o.name, _ = a.opt("as")
	if v, ok := a.opt("at"); ok {
		op.At = a.host(v)
	}
	what := a.words
	switch kind {
	case world.OpPut:
		key, value := a.pair("what to put")
		op.Key, op.Value = delegation.Key(key), a.value(value)
	case world.OpGet, world.OpDelete:
		op.Key = delegation.Key(a.word("a key"))
	case world.OpScan:
		op.Range = a.keyRange(a.word("a range"))
	case world.OpShard:
		if !a.is("move") {
			a.fail("it is written shard move FROM..UNTIL from=HOST to=HOST")
		}
		op.Rate = marshal.RateUnlimited // or its chunks would wait for time to pass
		op.Range = a.keyRange(a.word("a range"))
		op.Recipient = delegation.HostID(a.optNumber("to", 0))
		op.At = delegation.HostID(a.optNumber("from", 1))
	default:
		op.Move, op.At = a.move()
	}
	if v, ok := a.opt("if"); ok {
		op.Condition = marshal.Condition{Set: true}
		if v != "absent" {
			op.Condition.Version = marshal.Version(a.number("a version", v))
		}
	}
	if a.err != nil {
		return nil, a.err
	}
	if o.client < 1 || o.client > len(s.world.Clients) || int(op.At) > len(s.world.Nodes) {
		return nil, fmt.Errorf("there is no client %d or no host %d", o.client, op.At)
	}
	if kind == world.OpShard {
		o.text = fmt.Sprintf("shard %s %d→%d", rangeText(op.Range), op.At, op.Recipient)
	} else {
		o.text = opNames[kind] + " " + what[0]
	}
	if o.client != 1 {
		o.text = fmt.Sprintf("client %d: %s", o.client, o.text)
	}
	o.Op = s.world.Invoke(o.client, op)
	s.ops = append(s.ops, o)
	return o, nil
}

// move takes the id of a move, and its host: 1-2 is the second of host 1.
func (a *args) move() (id marshal.MoveID, at delegation.HostID) {
	w := a.word("a move")
	var host, number uint64
	if _, err := fmt.Sscanf(w, "%d-%d", &host, &number); err != nil {
		a.fail("a move is written HOST-NUMBER, not %q", w)
	}
	return marshal.MoveID{Host: delegation.HostID(host), Number: number}, delegation.HostID(host)
}

// cmdAsk is the command of an operation whose packets travel at once.
func cmdAsk(kind world.OpKind) func(*stage, *args) error {
	return func(s *stage, a *args) error {
		lost, kept := a.optPatterns("drop"), a.optPatterns("keep")
		if a.err != nil {
			return a.err
		}
		o, err := s.operation(kind, a)
		if err != nil {
			return err
		}
		if err := a.end(); err != nil {
			return err
		}
		return s.travel(o.client, lost, kept)
	}
}

// cmdSend starts an operation whose request stays on the network; a session is
// opened for it.
func cmdSend(s *stage, a *args) error {
	name := a.word("an operation")
	for kind, n := range opNames {
		if n != name {
			continue
		}
		o, err := s.operation(kind, a)
		if err != nil {
			return err
		}
		if err := a.end(); err != nil {
			return err
		}
		return s.travel(o.client, nil, []pattern{{kind: "SetRequest"}, {kind: "GetRequest"}, {kind: "ScanRequest"}, {kind: "Shard"}, {kind: "MoveOrder"}})
	}
	return fmt.Errorf("%q is no operation that can be sent", name)
}

func cmdRepeat(s *stage, a *args) error {
	lost, kept := a.optPatterns("drop"), a.optPatterns("keep")
	client := int(a.optNumber("client", 1))
	if err := a.end(); err != nil {
		return err
	}
	if client < 1 || client > len(s.world.Clients) || !s.world.Clients[client-1].Waiting() {
		return fmt.Errorf("client %d has nothing to repeat", client)
	}
	s.world.Retransmit(client)
	return s.travel(client, lost, kept)
}

func cmdGiveUp(s *stage, a *args) error {
	name := a.word("an operation's name (as=NAME)")
	if err := a.end(); err != nil {
		return err
	}
	i := slices.IndexFunc(s.ops, func(o *asked) bool { return o.name == name && !o.Done && !o.Unknown })
	if i < 0 {
		return fmt.Errorf("no operation as=%s is waiting", name)
	}
	s.world.GiveUp(s.ops[i].client, s.ops[i].Op)
	return nil
}

func cmdClose(s *stage, a *args) error {
	lost := a.optPatterns("drop")
	client, at := int(a.optNumber("client", 1)), delegation.HostID(a.optNumber("at", 1))
	if err := a.end(); err != nil {
		return err
	}
	if client < 1 || client > len(s.world.Clients) {
		return fmt.Errorf("there is no client %d", client)
	}
	packets := s.world.Clients[client-1].Close(at)
	if len(packets) == 0 {
		return fmt.Errorf("client %d has no session at host %d that it could close", client, at)
	}
	s.world.Send(packets...)
	return s.travel(client, lost, nil)
}

// tellOps tells of each operation what is new.
func (s *stage) tellOps() {
	for _, o := range s.ops {
		if text := s.status(o); text != o.told {
			o.told = text
			s.say("%s: %s", o.text, text)
		}
	}
}

// status says what has become of an operation.
func (s *stage) status(o *asked) string {
	switch {
	case o.Done && o.Kind >= world.OpShard:
		return answerText(o.Answer)
	case o.Done:
		text := fmt.Sprintf("%s, from host %d", answerText(o.Answer), o.Host())
		if o.Tries > 1 {
			text += fmt.Sprintf(", the %s that was asked", [...]string{"first", "second", "third", "fourth"}[min(o.Tries-1, 3)])
		}
		return text
	case o.Unknown && o.Refused != nil:
		return fmt.Sprintf("its outcome is unknown, host %d says %v", o.Host(), o.Refused.Reason)
	case o.Unknown && !o.Kind.Writes():
		return "given up"
	case o.Unknown:
		return "given up, its outcome is unknown"
	case o.Tries > mostTries:
		return fmt.Sprintf("sent to and fro %d times without an answer", o.Tries)
	case s.holder(o) != 0:
		return fmt.Sprintf("host %d holds it", s.holder(o))
	case o.Refused != nil:
		return fmt.Sprintf("host %d refuses it: %v", o.Host(), o.Refused.Reason)
	}
	return "no answer yet"
}

// holder is the host that holds the request, 0 for none.
func (s *stage) holder(o *asked) delegation.HostID {
	h := s.world.Node(o.Host()).Host
	if h == nil {
		return 0
	}
	at := kv.Endpoint{Client: s.world.Clients[o.client-1].Addr}
	for _, r := range h.Held() {
		if r.Packet.Src == at && numberOf(r.Packet.Msg) == o.Number() {
			return o.Host()
		}
	}
	return 0
}
