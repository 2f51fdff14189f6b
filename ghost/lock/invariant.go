package lock

import (
	"fmt"

	"ironkv/ghost/judge"
)

// Invariants hold in every state of a ring that can be reached.
// Source: the invariants of Protocol/Lock/RefinementProof/RefinementProof.i.dfy.
var Invariants = []judge.Invariant[System]{
	{Name: "AtMostOneHolds", Source: "IronFleet, section 3.3", Check: atMostOneHolds},
	{Name: "TransferHasHighestEpoch", Source: "IronFleet, section 3.3", Check: transferHasHighestEpoch},
	{Name: "HistoryNamesHolders", Source: "RefinementProof.i.dfy: MakeLockHistory, but for what it says of transfers that were received", Check: historyNamesHolders},
}

func atMostOneHolds(s System) error {
	holder := -1
	for i := range s.Hosts {
		if !s.Hosts[i].held {
			continue
		}
		if holder >= 0 {
			return fmt.Errorf("hosts %d and %d hold the lock, with epochs %d and %d",
				holder, i, s.Hosts[holder].epoch, s.Hosts[i].epoch)
		}
		holder = i
	}
	return nil
}

// transferHasHighestEpoch: where nobody holds the lock a transfer is in flight,
// sent and above what its destination ever held, and no host or packet knows a
// higher epoch than its.
func transferHasHighestEpoch(s System) error {
	var highest, inFlight uint64
	for i := range s.Hosts {
		if s.Hosts[i].held {
			return nil
		}
		highest = max(highest, s.Hosts[i].epoch)
	}
	for _, p := range s.Network {
		highest = max(highest, p.Msg.Epoch)
		if p.Msg.Kind == Transfer && p.Msg.Epoch > s.Hosts[p.Dst].epoch {
			inFlight = max(inFlight, p.Msg.Epoch)
		}
	}
	if inFlight == 0 || inFlight < highest {
		return fmt.Errorf("nobody holds the lock; the highest epoch in flight is %d, the highest known %d", inFlight, highest)
	}
	return nil
}

func historyNamesHolders(s System) error {
	for i := range s.Hosts {
		e := s.Hosts[i].epoch
		if e > uint64(len(s.History)) || (e > 0 && s.History[e-1] != NodeID(i)) {
			return fmt.Errorf("host %d held the lock with epoch %d, the history is %v", i, e, s.History)
		}
		if s.Hosts[i].held && e != uint64(len(s.History)) {
			return fmt.Errorf("host %d holds the lock with epoch %d, %d were granted", i, e, len(s.History))
		}
	}
	return nil
}
