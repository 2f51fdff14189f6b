package kv_test

import (
	"net/netip"
	"testing"

	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/marshal"
	"ironkv/tests/world"
)

// A rig is a met cluster to which packets are handed one by one, by a client
// made by hand, so that each rule of the machine can be seen alone.
type rig struct {
	*testing.T
	*world.World
	addr netip.AddrPort
}

var clientAddr = netip.MustParseAddrPort("10.0.7.7:70")

func newRig(t *testing.T, hosts int, limits kv.Limits) *rig {
	t.Helper()
	return &rig{T: t, World: world.New(world.Config{Hosts: hosts, Met: true, Limits: limits}), addr: clientAddr}
}

// ask hands m to a host and returns what comes back to the client.
func (r *rig) ask(host delegation.HostID, m marshal.Message) []marshal.Message {
	return r.from(kv.Endpoint{Client: r.addr}, host, m)
}

func (r *rig) from(src kv.Endpoint, host delegation.HostID, m marshal.Message) []marshal.Message {
	r.Helper()
	return to(src, r.Step(host, kv.Input{Kind: kv.InputPacket, Packet: kv.Packet{Src: src, Msg: m}}))
}

// to picks the messages to an endpoint.
func to(dst kv.Endpoint, out *kv.Effects) (ms []marshal.Message) {
	for _, p := range out.Packets {
		if p.Dst == dst {
			ms = append(ms, p.Msg)
		}
	}
	return ms
}

// one expects exactly one message of type M.
func one[M marshal.Message](r *rig, ms []marshal.Message) M {
	r.Helper()
	if len(ms) != 1 {
		r.Fatalf("%d messages, want one %T: %v", len(ms), *new(M), ms)
	}
	m, ok := ms[0].(M)
	if !ok {
		r.Fatalf("got %T %+v, want %T", ms[0], ms[0], *new(M))
	}
	return m
}

// none expects that the host says nothing, and why it dropped the packet.
func (r *rig) dropped(src kv.Endpoint, host delegation.HostID, m marshal.Message, why kv.DropReason) *kv.Effects {
	r.Helper()
	out := r.Step(host, kv.Input{Kind: kv.InputPacket, Packet: kv.Packet{Src: src, Msg: m}})
	if out.Drop != why {
		r.Fatalf("%T was dropped for %v, want %v", m, out.Drop, why)
	}
	return out
}

func (r *rig) session(host delegation.HostID, nonce byte) marshal.SessionID {
	r.Helper()
	n := marshal.Nonce{nonce}
	c := one[*marshal.CookieReply](r, r.ask(host, &marshal.Hello{Nonce: n}))
	return one[*marshal.Opened](r, r.ask(host, &marshal.Open{Nonce: n, Cookie: c.Cookie})).Session
}

func head(s marshal.SessionID, n uint64) marshal.RequestHeader {
	return marshal.RequestHeader{Session: s, Number: n}
}

func put(s marshal.SessionID, n, floor uint64, key delegation.Key, value string) *marshal.SetRequest {
	return &marshal.SetRequest{
		RequestHeader: head(s, n), WriteHeader: marshal.WriteHeader{Floor: floor, Operation: marshal.OperationID{Client: 1, Counter: n}},
		Key: key, Value: []byte(value),
	}
}

func get(s marshal.SessionID, n uint64, key delegation.Key) *marshal.GetRequest {
	return &marshal.GetRequest{RequestHeader: head(s, n), Key: key}
}

func shard(s marshal.SessionID, n uint64, r delegation.Range, to delegation.HostID) *marshal.Shard {
	return &marshal.Shard{RequestHeader: head(s, n), WriteHeader: marshal.WriteHeader{Floor: n}, Range: r, Recipient: to}
}

func span(from, until string) delegation.Range {
	r := delegation.All
	if from != "" {
		r.From = delegation.At(delegation.Key(from))
	}
	if until != "" {
		r.Until = delegation.At(delegation.Key(until))
	}
	return r
}

// peer is the header that host from puts on a message to host to.
func (r *rig) peer(from, to delegation.HostID) marshal.PeerHeader {
	return marshal.PeerHeader{
		From: from, FromIncarnation: r.Node(from).Host.State().Incarnation, ToIncarnation: r.Node(to).Host.State().Incarnation,
	}
}

func host(id delegation.HostID) kv.Endpoint { return kv.Endpoint{Host: id} }

// move moves a range and waits for the end of the move.
func (r *rig) move(from delegation.HostID, s marshal.SessionID, n uint64, rng delegation.Range, to delegation.HostID) {
	r.Helper()
	reply := one[*marshal.OrderReply](r, r.ask(from, shard(s, n, rng, to)))
	if reply.Reason != marshal.OrderAccepted {
		r.Fatalf("move of %v to host %d: %v", rng, to, reply.Reason)
	}
	m := r.Node(from).Host.State().Moves[reply.Move.Number]
	if !r.Settle(1000, func() bool { return m.Phase.Ended() }) || m.Phase != marshal.MoveDone {
		r.Fatalf("move of %v to host %d ended as %v", rng, to, m.Phase)
	}
	r.Net = nil
}

// until lets the move of a host go on until a delegate of it is on the network,
// and takes that packet off.
func (r *rig) delegateInFlight(from delegation.HostID) kv.Packet {
	r.Helper()
	for range 200 {
		for i, f := range r.Net {
			if _, ok := f.Packet.Msg.(*marshal.Single); ok {
				r.Drop(i)
				return f.Packet
			}
		}
		if len(r.Net) > 0 {
			r.Deliver(0)
			continue
		}
		if t, ok := r.Due(from); ok {
			r.Now = max(r.Now, t)
		}
		r.Tick(from)
	}
	r.Fatal("no delegate was sent")
	return kv.Packet{}
}
