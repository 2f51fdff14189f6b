package explorer

import (
	"bytes"
	"net/netip"
	"reflect"
	"slices"

	"ironkv/delegation"
	"ironkv/ghost/protocol"
	"ironkv/marshal"
)

// What P does depends on who is called how in nothing: it asks whether two hosts are one,
// or two clients, and has them in an order only to say all of them. So a state in which
// hosts and clients have changed their names leads to what the state itself leads to, with
// the names changed, and one of the two is enough, as long as the scope is itself in the
// other names: the same host owns every key in the beginning, the client of another's name
// wants what that wants, and so do orders that name hosts.
//
// Of keys P asks which range they lie in, and a range has two ends. What keeps all ranges
// ranges is to have the order of keys the other way round, so it is all that may change: of
// two keys, each in a range by itself up to where keys end ([mirror]).
//
// A test takes every step that a search takes in every name, too, and others compare
// searches with and without.

// names are the names that hosts, clients and keys take.
type names struct {
	hosts   []delegation.HostID // by place
	clients []uint64            // by place; they are called by it, from 1
	mirror  *mirror             // nil if keys keep their names
}

// A mirror has the order of keys the other way round: the keys low and high change names,
// and so do what lies below high, which is low's, and what does not, which is high's.
type mirror struct{ low, high delegation.Key }

// namesOf returns all ways for the scope's hosts, clients and keys to take each other's
// names in which it is the same scope; the first is that each keeps its own.
func namesOf(s ProtocolScope) (all []names) {
	own := names{hosts: hosts(len(s.System.Hosts))}
	for _, c := range s.System.Clients {
		own.clients = append(own.clients, c.ID)
	}
	if s.Named {
		return []names{own}
	}
	mirrors := []*mirror{nil}
	if m := mirrorOf(s.System); m != nil {
		mirrors = append(mirrors, m)
	}
	permute(own.hosts, 0, func(hosts []delegation.HostID) {
		permute(own.clients, 0, func(clients []uint64) {
			for _, m := range mirrors {
				if n := (names{hosts, clients, m}); n.leave(s.System) {
					all = append(all, n)
				}
			}
		})
	})
	return all
}

// permute tells all orders of what is behind the first so many; the list's own first.
func permute[T any](list []T, first int, tell func([]T)) {
	if first >= len(list) {
		tell(list)
	}
	for i := first; i < len(list); i++ {
		l := slices.Clone(list)
		l[first], l[i] = l[i], l[first]
		permute(l, first+1, tell)
	}
}

// leave reports whether the first state is the same in these names.
func (n names) leave(s protocol.System) bool {
	for _, c := range s.Clients {
		if of := n.client(c); !reflect.DeepEqual(of, s.Clients[of.ID-1]) {
			return false
		}
	}
	for _, h := range s.Hosts {
		if of := n.host(h); !bytes.Equal(of.Encode(nil), s.Hosts[of.Me-1].Encode(nil)) {
			return false
		}
	}
	return true
}

// mirrorOf returns what has the keys the other way round; nil unless clients want two keys
// in all, and move one of them only with all that lies on its side. A page has its order,
// and so has a move of both, which begins with the lower.
func mirrorOf(s protocol.System) *mirror {
	var keys []delegation.Key
	var ranges []delegation.Range
	for _, c := range s.Clients {
		for _, w := range c.Wants {
			//nolint:gochecksumtype // the rest is about no key
			switch w := w.(type) {
			case protocol.GetRequest:
				keys = append(keys, w.Key)
			case protocol.SetRequest:
				keys = append(keys, w.Key)
			case protocol.Shard:
				ranges = append(ranges, w.Range)
			case protocol.ScanRequest:
				return nil
			}
		}
	}
	slices.Sort(keys)
	if keys = slices.Compact(keys); len(keys) != 2 {
		return nil
	}
	m := &mirror{keys[0], keys[1]}
	for _, r := range ranges {
		if r != below(m.high) && r != from(m.high) {
			return nil
		}
	}
	return m
}

// below is the range of all keys below key, from that of all others.
func below(key delegation.Key) delegation.Range { return delegation.Range{Until: delegation.At(key)} }

func from(key delegation.Key) delegation.Range {
	return delegation.Range{From: delegation.At(key), Until: delegation.PosInf}
}

func (m *mirror) bound(b delegation.Bound) delegation.Bound {
	switch b {
	case delegation.NegInf:
		return delegation.PosInf
	case delegation.PosInf:
		return delegation.NegInf
	}
	return b
}

// id is the new name of a host; of none it is none.
func (n names) id(id delegation.HostID) delegation.HostID {
	if id == 0 || int(id) > len(n.hosts) {
		return id
	}
	return n.hosts[id-1]
}

// number is the new name of a client; of none it is none.
func (n names) number(client uint64) uint64 {
	if client == 0 || client > uint64(len(n.clients)) {
		return client
	}
	return n.clients[client-1]
}

// Key is the new name of a key.
func (n names) Key(key delegation.Key) delegation.Key {
	switch {
	case n.mirror == nil:
	case key == n.mirror.low:
		return n.mirror.high
	case key == n.mirror.high:
		return n.mirror.low
	}
	return key
}

func (n names) keys(r delegation.Range) delegation.Range {
	if n.mirror == nil || r.Empty() {
		return r
	}
	return delegation.Range{From: n.mirror.bound(r.Until), Until: n.mirror.bound(r.From)}
}

// Operation is one of the client that has the name now.
func (n names) Operation(o marshal.OperationID) marshal.OperationID {
	o.Client = n.number(o.Client)
	return o
}

// Session is the client's at the host, as they are called now (protocol.Client.Session).
func (n names) Session(s marshal.SessionID) marshal.SessionID {
	s[0], s[1] = byte(n.number(uint64(s[0]))), byte(n.id(delegation.HostID(s[1])))
	return s
}

// incarnation is that of the host which has the name now: those of P's first states.
func (n names) incarnation(i marshal.Incarnation) marshal.Incarnation {
	for place := range n.hosts {
		if id := delegation.HostID(place + 1); protocol.FirstIncarnation(id) == i {
			return protocol.FirstIncarnation(n.id(id))
		}
	}
	return i
}

func (n names) host(h protocol.Host) protocol.Host {
	sessions, table := h.Sessions, h.Table
	h.Sessions, h.Table = protocol.NewSessions(), protocol.NewTable()
	h = renamed(n, h)
	for s := range sessions.All() {
		s.Serial = n.number(s.Serial) // the sessions were opened as clients are called
		h.Sessions = h.Sessions.With(renamed(n, s))
	}
	for e := range table.All() {
		h.Table = h.Table.With(renamed(n, e))
	}
	slices.SortFunc(h.Peers, func(a, b protocol.Peer) int { return int(a.ID) - int(b.ID) })
	return h
}

func (n names) delegations(d protocol.Delegations) protocol.Delegations {
	out := d
	for i, p := range d {
		r := delegation.Range{From: p.From, Until: delegation.PosInf}
		if i+1 < len(d) {
			r.Until = d[i+1].From
		}
		out = out.Update(n.keys(r), n.id(p.Host))
	}
	return out
}

// move is that of another range: one that has begun has ended, as it has one chunk.
func (n names) move(m protocol.Move) protocol.Move {
	began := m.Cursor != m.Range.From
	m.Range, m.Recipient = n.keys(m.Range), n.id(m.Recipient)
	if m.Cursor = m.Range.From; began {
		m.Cursor = m.Range.Until
	}
	return m
}

func (n names) client(c protocol.Client) protocol.Client {
	c = renamed(n, c)
	c.ID = n.number(c.ID)
	numbers := slices.Clone(c.Numbers)
	for i, number := range c.Numbers {
		numbers[n.hosts[i]-1] = number
	}
	c.Numbers = numbers
	return c
}

// renamed returns a copy of v in which hosts, clients and keys have their new names: ids,
// incarnations, operations, addresses, and sessions, whose names are made of a client's
// and a host's.
func renamed[T any](n names, v T) T {
	to := reflect.New(reflect.TypeFor[T]()).Elem()
	to.Set(reflect.ValueOf(&v).Elem())
	n.rename(to)
	return to.Interface().(T)
}

// name returns what v is in the new names, where it is of a kind that has one.
func (n names) name(v any) (any, bool) {
	switch x := v.(type) {
	case delegation.HostID:
		return n.id(x), true
	case marshal.Incarnation:
		return n.incarnation(x), true
	case marshal.SessionID:
		return n.Session(x), true
	case marshal.Nonce:
		return marshal.Nonce(n.Session(marshal.SessionID(x))), true
	case marshal.OperationID:
		return n.Operation(x), true
	case netip.AddrPort:
		return netip.AddrPortFrom(x.Addr(), uint16(n.number(uint64(x.Port())))), true
	case delegation.Key:
		return n.Key(x), true
	case delegation.Range:
		return n.keys(x), true
	case protocol.Delegations:
		return n.delegations(x), true
	case protocol.Move:
		return n.move(x), true
	}
	return nil, false
}

func (n names) rename(v reflect.Value) {
	if x, ok := n.name(v.Interface()); ok {
		v.Set(reflect.ValueOf(x))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				n.rename(v.Field(i))
			}
		}
	case reflect.Slice:
		copied := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		reflect.Copy(copied, v)
		for i := range v.Len() {
			n.rename(copied.Index(i))
		}
		if !v.IsNil() {
			v.Set(copied)
		}
	case reflect.Interface:
		if !v.IsNil() {
			inner := reflect.New(v.Elem().Type()).Elem()
			inner.Set(v.Elem())
			n.rename(inner)
			v.Set(inner)
		}
	}
}
