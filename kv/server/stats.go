package server

import (
	"errors"
	"net"
	"sync/atomic"

	"ironkv/kv"
	"ironkv/marshal"
	"ironkv/udp"
)

// Stats counts since the server's start.
type Stats struct {
	// Steps and Batches of the machine.
	Steps, Batches uint64
	// Malformed counts bytes that are no message, dropped before the machine, by fault.
	Malformed [marshal.NumFaults]uint64
	// Shed counts reads and writes refused because they had waited too long, or because
	// their answers would not be taken.
	Shed uint64
	// Crowded counts messages dropped because too many of their source waited already.
	Crowded uint64
	// Drops counts packets that the machine dropped, by reason; those at
	// kv.DropNone are the steps that dropped nothing.
	Drops [kv.NumDropReasons]uint64
	// Unsent counts messages that the transport did not take: Backlog as too much
	// was queued for the destination, Unproven as a stranger would have got more
	// than it sent, OtherUnsent for all other reasons.
	Backlog, Unproven, OtherUnsent uint64
	// Transport is what happened to datagrams.
	Transport udp.Stats
}

// counts is the part of Stats that belongs to the loop's goroutine.
type counts struct {
	Steps, Batches, Shed, Crowded uint64
	Malformed                     [marshal.NumFaults]uint64
	Drops                         [kv.NumDropReasons]uint64
}

// malformed counts bytes that are no message.
func (c *counts) malformed(err error) {
	fault := marshal.FaultNone // of an error that tells no more
	var m *marshal.MalformedError
	if errors.As(err, &m) {
		fault = m.Fault
	}
	c.Malformed[fault]++
}

func sum(counts []uint64) (total uint64) {
	for _, n := range counts {
		total += n
	}
	return total
}

// sendCounts is the part of Stats that two goroutines count.
type sendCounts struct {
	backlog, unproven, other atomic.Uint64
}

// count counts a message that was not taken; nil counts nothing. A closed socket
// is no news: the loop finds out for itself.
func (c *sendCounts) count(err error) {
	switch {
	case err == nil, errors.Is(err, net.ErrClosed):
	case errors.Is(err, udp.ErrBacklog):
		c.backlog.Add(1)
	case errors.Is(err, udp.ErrUnproven):
		c.unproven.Add(1)
	default:
		c.other.Add(1)
	}
}
