package spec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"ironkv/delegation"
	"ironkv/ghost/judge"
	"ironkv/marshal"
)

var (
	// ErrSpec says that a step is none of the spec; the text names the conjunct.
	ErrSpec = errors.New("not a step of the spec")
	// ErrTwice says that an operation was executed a second time.
	ErrTwice = errors.New("operation executed before")
)

// A Row is what S knows of a key that was ever written.
type Row struct {
	Entry
	// Present says that the key has a value now.
	Present bool
	// Highest is the highest version that the key ever had.
	Highest marshal.Version
}

// String tells the value, the beginning of a long one, and the versions.
func (r Row) String() string {
	if !r.Present {
		return fmt.Sprintf("absent, highest version ever %d", r.Highest)
	}
	return fmt.Sprintf("%.40q at version %d, highest ever %d", r.Value, r.Version, r.Highest)
}

// A Done is an executed operation with its reply.
type Done struct {
	Operation Operation
	Reply     Reply
}

// A Given is a reply with the ticket of the request that got it.
type Given struct {
	Ticket Ticket
	Reply  Reply
}

// A State is a state of S: the table, the operations executed, the replies given.
// The zero State is not usable: begin with [Init].
type State struct {
	rows judge.Tree[Row]
	done judge.Tree[Done]
	// given are the replies to operations: one to each ticket. A read may be executed
	// again, and replied something else then.
	given judge.Tree[Given]
	reads []Given
}

// Init is the first state: no key, nothing executed (Service_Init).
func Init() State {
	return State{
		rows: judge.NewTree(func(a, b *Row) bool { return a.Key < b.Key }),
		done: judge.NewTree(func(a, b *Done) bool {
			if a.Operation.Client != b.Operation.Client {
				return a.Operation.Client < b.Operation.Client
			}
			return a.Operation.Counter < b.Operation.Counter
		}),
		given: judge.NewTree(func(a, b *Given) bool {
			if c := bytes.Compare(a.Ticket.Session[:], b.Ticket.Session[:]); c != 0 {
				return c < 0
			}
			return a.Ticket.Number < b.Ticket.Number
		}),
	}
}

// Rows are the keys that were ever written, in order.
func (s State) Rows() judge.Tree[Row] { return s.rows }

// Row returns what is known of a key; the zero Row but for the key where it was
// never written.
func (s State) Row(key delegation.Key) Row {
	r, _ := s.rows.Get(Row{Entry: Entry{Key: key}})
	r.Key = key
	return r
}

// Executed returns the reply to an operation, if it has been executed.
func (s State) Executed(o Operation) (Reply, bool) {
	d, ok := s.done.Get(Done{Operation: o})
	return d.Reply, ok
}

// Operations is the number of operations executed.
func (s State) Operations() int { return s.done.Len() }

// Execute is the one transition (Service_Next_ServerExecutesRequest): e's request
// is executed and given e's reply. It fails with [ErrSpec], and with [ErrTwice]
// where the guard is broken that the operation was not executed before: then the
// reply is given, and nothing else changes.
func (s State) Execute(e Execution) (State, error) {
	t, err := s.transition(e)
	if err != nil && !errors.Is(err, ErrTwice) {
		return s, err
	}
	given := Given{e.Ticket, e.Reply}
	switch e.Request.(type) {
	case Set, Order:
		t.given = s.given.With(given)
	case Get, Scan:
		if !slices.ContainsFunc(s.reads, given.same) {
			t.reads = append(slices.Clip(s.reads), given)
		}
	}
	return t, err
}

func (s State) transition(e Execution) (State, error) {
	switch q := e.Request.(type) {
	case Get:
		return s, s.get(q, e.Reply)
	case Scan:
		return s, s.scan(q, e.Reply)
	case Set:
		return s.set(q, e.Reply)
	case Order:
		if _, ok := e.Reply.(OrderReply); !ok {
			return s, mismatch(e.Request, e.Reply)
		}
		return s.execute(q.Operation, e.Reply)
	}
	return s, mismatch(e.Request, e.Reply)
}

func mismatch(q Request, r Reply) error {
	return fmt.Errorf("%w: %T does not answer %T", ErrSpec, r, q)
}

func (s State) execute(o Operation, r Reply) (State, error) {
	if old, ok := s.Executed(o); ok {
		return s, fmt.Errorf("%w: operation %d of client %x, answered before with %+v, now with %+v",
			ErrTwice, o.Counter, o.Client, old, r)
	}
	s.done = s.done.With(Done{o, r})
	return s, nil
}

// Gave says what a state of S means for the network: what a client is told
// under a ticket S has replied (Service_Correspondence). It fails with [ErrSpec].
func (s State) Gave(told Given) error {
	if slices.ContainsFunc(s.reads, told.same) {
		return nil
	}
	if g, ok := s.given.Get(told); !ok || !told.same(g) {
		return fmt.Errorf("%w: number %d of session %v is told %T %v, which S has not replied to it", ErrSpec, told.Ticket.Number, told.Ticket.Session, told.Reply, told.Reply)
	}
	return nil
}

func (g Given) same(o Given) bool {
	if g.Ticket != o.Ticket {
		return false
	}
	a, page := g.Reply.(ScanReply)
	b, pageToo := o.Reply.(ScanReply)
	if page && pageToo {
		return a.Covered == b.Covered && a.Keys == b.Keys && slices.Equal(a.Entries, b.Entries)
	}
	return page == pageToo && g.Reply == o.Reply // all the others are comparable
}

// WithoutReads returns the state that does not remember what was replied to reads:
// for those who see each packet when it is sent.
func (s State) WithoutReads() State {
	s.reads = nil
	return s
}

// Names say how keys, operations and sessions are called instead.
type Names interface {
	Key(delegation.Key) delegation.Key
	Operation(Operation) Operation
	Session(marshal.SessionID) marshal.SessionID
}

// In returns the state in other names; in pages, replies to scans, keys keep theirs.
func (s State) In(names Names) State {
	given := func(g Given) Given {
		g.Ticket.Session = names.Session(g.Ticket.Session)
		return g
	}
	t := Init()
	for r := range s.rows.All() {
		r.Key = names.Key(r.Key)
		t.rows = t.rows.With(r)
	}
	for d := range s.done.All() {
		d.Operation = names.Operation(d.Operation)
		t.done = t.done.With(d)
	}
	for g := range s.given.All() {
		t.given = t.given.With(given(g))
	}
	for _, g := range s.reads {
		t.reads = append(t.reads, given(g))
	}
	return t
}

// get: the reply is what the table holds (Get, Services/SHT/HT.s.dfy).
func (s State) get(q Get, reply Reply) error {
	r, ok := reply.(GetReply)
	if !ok {
		return mismatch(q, reply)
	}
	row := s.Row(q.Key)
	if want := row.reply(); r != want {
		return fmt.Errorf("%w: get %v gave %v, the table holds %v", ErrSpec, q.Key, r, want)
	}
	return nil
}

func (r Row) reply() GetReply {
	if !r.Present {
		return GetReply{}
	}
	r.Key = ""
	return GetReply{Found: true, Entry: r.Entry}
}

// String leaves out all but the beginning of the value.
func (r GetReply) String() string {
	if !r.Found {
		return "absent"
	}
	return fmt.Sprintf("version %d, value %.20q", r.Entry.Version, r.Entry.Value)
}

// set: the table changes as the request says, and only where its condition holds
// (Set, Services/SHT/HT.s.dfy). A new version is higher than any before.
func (s State) set(q Set, reply Reply) (State, error) {
	r, ok := reply.(SetReply)
	if !ok {
		return s, mismatch(q, reply)
	}
	row := s.Row(q.Key)
	present := marshal.Version(0)
	if row.Present {
		present = row.Version
	}
	want := SetReply{Result: marshal.SetApplied, Version: r.Version}
	switch {
	case q.Condition.Set && q.Condition.Version != present:
		want = SetReply{Result: marshal.SetConditionFailed, Version: present}
	case q.Delete && !row.Present:
		want = SetReply{Result: marshal.SetAbsent}
	case q.Delete:
		want.Version = present
		row.Present, row.Value, row.Version = false, "", 0
	case r.Version <= row.Highest:
		return s, fmt.Errorf("%w: set %v took version %d, the key has had %d", ErrSpec, q.Key, r.Version, row.Highest)
	default:
		row = Row{Entry: Entry{q.Key, q.Value, r.Version}, Present: true, Highest: r.Version}
	}
	if r != want {
		return s, fmt.Errorf("%w: set %v gave %+v, want %+v", ErrSpec, q.Key, r, want)
	}
	t, err := s.execute(q.Operation, r)
	if err == nil && r.Result == marshal.SetApplied {
		t.rows = s.rows.With(row)
	}
	return t, err
}

// scan: what is covered starts where the range does, ends no later, and holds
// exactly the entries given.
func (s State) scan(q Scan, reply Reply) error {
	r, ok := reply.(ScanReply)
	if !ok {
		return mismatch(q, reply)
	}
	if r.Covered.From != q.Range.From || q.Range.Until.Less(r.Covered.Until) {
		return fmt.Errorf("%w: scan of %v covered %v", ErrSpec, q.Range, r.Covered)
	}
	if !q.Range.Empty() && r.Covered.Empty() {
		return fmt.Errorf("%w: scan of %v covered nothing", ErrSpec, q.Range)
	}
	start, _ := r.Covered.From.Key()
	keys := uint64(0)
	for row := range s.rows.From(Row{Entry: Entry{Key: start}}) {
		if !r.Covered.Contains(row.Key) {
			break
		}
		if !row.Present {
			continue
		}
		if want := row.In(q.Mode); q.Mode != marshal.ScanCount && (keys >= uint64(len(r.Entries)) || r.Entries[keys] != want) {
			return fmt.Errorf("%w: scan of %v has not %v version %d in its place", ErrSpec, q.Range, row.Key, row.Version)
		}
		keys++
	}
	if r.Keys != keys || (q.Mode != marshal.ScanCount && uint64(len(r.Entries)) != keys) {
		return fmt.Errorf("%w: scan of %v says %d keys and gives %d, the table holds %d in %v",
			ErrSpec, q.Range, r.Keys, len(r.Entries), keys, r.Covered)
	}
	return nil
}

// In is what a page of the mode gives of the entry.
func (e Entry) In(mode marshal.ScanMode) Entry {
	if mode == marshal.ScanKeys {
		e.Value = ""
	}
	return e
}

// Encode appends the canonical encoding of s to b.
func (s State) Encode(b []byte) []byte {
	for r := range s.rows.All() {
		b = appendString(appendString(b, string(r.Key)), r.Value)
		b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(r.Version)), uint64(r.Highest))
	}
	b = append(b, 0) // no key is empty
	for d := range s.done.All() {
		b = binary.AppendUvarint(binary.AppendUvarint(b, d.Operation.Client), d.Operation.Counter)
		b = fmt.Appendf(b, "%v;", d.Reply)
	}
	for g := range s.given.All() {
		b = g.encode(b)
	}
	b = append(b, 0)
	for _, g := range s.reads {
		b = g.encode(b)
	}
	return b
}

func (g Given) encode(b []byte) []byte {
	b = binary.AppendUvarint(append(b, g.Ticket.Session[:]...), g.Ticket.Number)
	return fmt.Appendf(b, "%v;", g.Reply)
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// With returns the state in which exactly entries are present, and whose history,
// executed operations, replies and highest versions, is that of s: the abstraction of a
// system that holds entries.
func (s State) With(entries judge.Tree[Entry]) State {
	t := Init()
	t.done, t.given, t.reads = s.done, s.given, s.reads
	t.rows = t.rows.WithAll(func(yield func(Row) bool) {
		for row := range s.rows.All() {
			e, present := entries.Get(Entry{Key: row.Key})
			e.Key = row.Key
			if !yield(Row{Entry: e, Present: present, Highest: max(e.Version, row.Highest)}) {
				return
			}
		}
		for e := range entries.All() {
			if _, written := s.rows.Get(Row{Entry: e}); !written && !yield(Row{Entry: e, Present: true, Highest: e.Version}) {
				return
			}
		}
	})
	return t
}

// Differ returns an error that names a key that is not the same in both states: want
// is what the steps led to, got what the hosts hold.
func Differ(want, got State) error {
	if want.rows.EqualFunc(got.rows, func(a, b *Row) bool { return *a == *b }) {
		return nil
	}
	for w := range want.rows.All() {
		if g := got.Row(w.Key); g != w {
			return fmt.Errorf("%w: %v: %v in S, %v at the hosts", ErrSpec, w.Key, w, g)
		}
	}
	for g := range got.rows.All() {
		if _, ok := want.rows.Get(g); !ok {
			return fmt.Errorf("%w: %v: never written in S, %v at the hosts", ErrSpec, g.Key, g)
		}
	}
	return nil
}
