package marshal

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

)

// Clone returns a message that is equal to m and shares no memory with it, nor
// with the datagram that m was decoded from. It panics where m is nil.
func Clone(m Message) Message {
	switch m := m.(type) {
	case *GetRequest:
		c := *m
		c.Key = m.Key.Clone()
		return &c
	case *SetRequest:
		c := *m
		c.Key = m.Key.Clone()
		c.Value = bytes.Clone(m.Value)
		return &c
	case *ScanRequest:
		c := *m
		c.Range = m.Range.Clone()
		return &c
	case *Shard:
		c := *m
		c.Range = m.Range.Clone()
		return &c
	case *Propose:
		c := *m
		c.Range = m.Range.Clone()
		return &c
	case *Single:
		c := *m
		c.Delegate = m.Delegate.Clone()
		return &c
	case *GetReply, *Redirect, *ScanReply, *OrderReply, *MovesReply, *StatusReply, *AuditReply, *Opened:
		return cloneAnswer(m)
	}
	return cloneFlat(m)
}

// cloneAnswer copies an answer that refers to memory.
func cloneAnswer(m Message) Message {
	switch m := m.(type) {
	case *GetReply:
		c := *m
		c.Value = bytes.Clone(m.Value)
		return &c
	case *Redirect:
		c := *m
		c.Range = m.Range.Clone()
		return &c
	case *ScanReply:
		c := *m
		c.Covered = m.Covered.Clone()
		c.Entries = cloneEntries(m.Entries)
		return &c
	case *OrderReply:
		c := *m
		c.Range = m.Range.Clone()
		return &c
	case *MovesReply:
		c := *m
		c.Moves = slices.Clone(m.Moves)
		for i := range c.Moves {
			c.Moves[i].Range = c.Moves[i].Range.Clone()
			c.Moves[i].Cursor = c.Moves[i].Cursor.Clone()
		}
		return &c
	case *StatusReply:
		c := *m
		c.Software = strings.Clone(m.Software)
		return &c
	case *AuditReply:
		return cloneAudit(m)
	case *Opened:
		c := *m
		c.Members = slices.Clone(m.Members)
		for i := range c.Members {
			c.Members[i].Address = strings.Clone(c.Members[i].Address)
		}
		return &c
	}
	panic(fmt.Sprintf("marshal: Clone of %T: not an answer that refers to memory", m))
}

// cloneFlat copies a message that refers to no memory.
func cloneFlat(m Message) Message {
	switch m := m.(type) {
	case *Hello:
		return flat(m)
	case *CookieReply:
		return flat(m)
	case *Open:
		return flat(m)
	case *CloseRequest:
		return flat(m)
	case *MoveOrder:
		return flat(m)
	case *MovesRequest:
		return flat(m)
	case *StatusRequest:
		return flat(m)
	case *AuditRequest:
		return flat(m)
	case *SetReply:
		return flat(m)
	case *Refusal:
		return flat(m)
	case *Greet:
		return flat(m)
	case *Mismatch:
		return flat(m)
	case *Consent:
		return flat(m)
	case *Ack:
		return flat(m)
	}
	panic(fmt.Sprintf("marshal: Clone of %T: not a message", m))
}

func flat[T any](m *T) *T {
	c := *m
	return &c
}

func cloneAudit(m *AuditReply) *AuditReply {
	c := *m
	c.Peers = slices.Clone(m.Peers)
	c.Owned = slices.Clone(m.Owned)
	for i := range c.Owned {
		c.Owned[i] = c.Owned[i].Clone()
	}
	c.InFlight = slices.Clone(m.InFlight)
	for i := range c.InFlight {
		c.InFlight[i].Range = c.InFlight[i].Range.Clone()
	}
	return &c
}

// Clone returns an entry that shares no memory with e.
func (e Entry) Clone() Entry {
	return Entry{Key: e.Key.Clone(), Value: bytes.Clone(e.Value), Version: e.Version}
}

// Clone returns a delegate that shares no memory with d.
func (d *Delegate) Clone() Delegate {
	return Delegate{Range: d.Range.Clone(), Clock: d.Clock, Entries: cloneEntries(d.Entries)}
}

func cloneEntries(entries []Entry) []Entry {
	c := slices.Clone(entries)
	for i := range c {
		c[i] = c[i].Clone()
	}
	return c
}
