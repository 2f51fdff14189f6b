package explorer

import (
	"reflect"
	"slices"

	"ironkv/delegation"
	"ironkv/ghost/protocol"
	"ironkv/marshal"
)

// What P does depends on who is called how in nothing: it asks whether two hosts are one,
// and has them in an order only to say all of them. So a state in which hosts have changed
// their names leads to what the state itself leads to, with the names changed, and one of
// the two is enough: as long as the host that owns every key in the beginning, and those
// that an order names, keep theirs. A test takes every step that a search takes in every
// name, too, and another compares searches with and without.

// names are the names, by place, that hosts take.
type names []delegation.HostID

// namesOf returns all ways to give the scope's hosts each other's names; the first is
// that each keeps its own.
func namesOf(s ProtocolScope) []names {
	keep := map[delegation.HostID]bool{s.System.Hosts[0].Map[0].Host: true}
	for _, c := range s.System.Clients {
		for _, w := range c.Wants {
			switch m := w.(type) {
			case protocol.Shard:
				keep[m.Recipient] = true
			case protocol.MoveOrder:
				keep[m.Move.Host] = true
			}
		}
	}
	var own, free names
	for _, h := range s.System.Hosts {
		own = append(own, h.Me)
		if !keep[h.Me] && !s.Named {
			free = append(free, h.Me)
		}
	}
	var all []names
	permute(free, 0, func(p names) {
		n := slices.Clone(own)
		for i, id := range free {
			n[slices.Index(own, id)] = p[i]
		}
		all = append(all, n)
	})
	return all
}

// permute tells all orders of what is behind the first so many; the list's own first.
func permute(list names, first int, tell func(names)) {
	if first >= len(list) {
		tell(list)
	}
	for i := first; i < len(list); i++ {
		l := slices.Clone(list)
		l[first], l[i] = l[i], l[first]
		permute(l, first+1, tell)
	}
}

// of is the new name of a host; of none it is none.
func (n names) of(id delegation.HostID) delegation.HostID {
	if id == 0 || int(id) > len(n) {
		return id
	}
	return n[id-1]
}

func (n names) host(h protocol.Host) protocol.Host {
	sessions := h.Sessions
	h.Sessions = protocol.NewSessions()
	h = renamed(n, h)
	for s := range sessions.All() {
		h.Sessions = h.Sessions.With(renamed(n, s))
	}
	slices.SortFunc(h.Peers, func(a, b protocol.Peer) int { return int(a.ID) - int(b.ID) })
	return h
}

func (n names) client(c protocol.Client) protocol.Client {
	c = renamed(n, c)
	numbers := slices.Clone(c.Numbers)
	for i, number := range c.Numbers {
		numbers[n[i]-1] = number
	}
	c.Numbers = numbers
	return c
}

// renamed returns a copy of v in which hosts have their new names: ids, incarnations, and
// sessions, whose names are made of a client's and a host's.
func renamed[T any](n names, v T) T {
	to := reflect.New(reflect.TypeFor[T]()).Elem()
	to.Set(reflect.ValueOf(&v).Elem())
	n.rename(to)
	return to.Interface().(T)
}

func (n names) rename(v reflect.Value) {
	switch x := v.Interface().(type) {
	case delegation.HostID:
		v.SetUint(uint64(n.of(x)))
		return
	case marshal.Incarnation:
		v.SetUint(uint64(n.incarnation(x)))
		return
	case marshal.SessionID:
		v.Set(reflect.ValueOf(n.session(x)))
		return
	case marshal.Nonce:
		v.Set(reflect.ValueOf(marshal.Nonce(n.session(marshal.SessionID(x)))))
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

// session is the client's at the host which has the name now (protocol.Client.Session).
func (n names) session(s marshal.SessionID) marshal.SessionID {
	s[1] = byte(n.of(delegation.HostID(s[1])))
	return s
}

// incarnation is that of the host which has the name now: those of P's first states.
func (n names) incarnation(i marshal.Incarnation) marshal.Incarnation {
	for place := range n {
		if id := delegation.HostID(place + 1); protocol.FirstIncarnation(id) == i {
			return protocol.FirstIncarnation(n.of(id))
		}
	}
	return i
}
