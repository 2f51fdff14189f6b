package lock

import (
	"errors"
	"fmt"
	"slices"
)

// ErrSpec says that a step is none of the spec.
var ErrSpec = errors.New("not a step of the spec")

// A NodeID is a host's place in the ring, from 0.
type NodeID uint8

// A Service is a state of the spec: who held the lock, in order; the holder with
// epoch e is History[e-1]. Source: ServiceState', Services/Lock/AbstractService.s.dfy.
type Service struct {
	Nodes   int
	History []NodeID
}

// ServiceInit is the first state: host 0 holds the lock (Service_Init).
func ServiceInit(nodes int) Service { return Service{Nodes: nodes, History: []NodeID{0}} }

// ServiceNext reports whether s to t is a step, one more holder, or a stutter
// (Service_Next).
func ServiceNext(s, t Service) error {
	switch grown := len(t.History) - len(s.History); {
	case s.Nodes != t.Nodes:
		return fmt.Errorf("%w: the hosts changed", ErrSpec)
	case grown < 0 || grown > 1 || !slices.Equal(s.History, t.History[:len(s.History)]):
		return fmt.Errorf("%w: history %v became %v", ErrSpec, s.History, t.History)
	case grown == 1 && int(t.History[len(s.History)]) >= s.Nodes:
		return fmt.Errorf("%w: new holder %d is no host", ErrSpec, t.History[len(s.History)])
	}
	return nil
}

// Correspondence says what the spec means for the network: who announces that it
// has locked in an epoch is that epoch's holder (Service_Correspondence).
func Correspondence(network []Packet, s Service) error {
	for _, p := range network {
		if p.Msg.Kind != Locked {
			continue
		}
		if e := p.Msg.Epoch; e < 1 || e > uint64(len(s.History)) || s.History[e-1] != p.Src {
			return fmt.Errorf("%w: host %d announced epoch %d, the history is %v", ErrSpec, p.Src, e, s.History)
		}
	}
	return nil
}
