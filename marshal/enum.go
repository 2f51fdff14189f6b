package marshal

import "strconv"

// ScanMode says what a page of a scan carries.
type ScanMode uint8

// The modes of a scan.
const (
	ScanEntries ScanMode = iota // keys, values and versions
	ScanKeys                    // keys and versions; values are left out
	ScanCount                   // totals only
	numScanModes
)

// SetResult is what became of a write at the owner.
type SetResult uint8

// The results of a write.
const (
	SetApplied         SetResult = iota // written, or removed
	SetAbsent                           // there was nothing to remove
	SetConditionFailed                  // the key's version was another; nothing changed
	SetNoRoom                           // the owner has less room than its reserve; nothing changed
	numSetResults
)

// MoveAction is what a MoveOrder asks for.
type MoveAction uint8

// The orders to a move.
const (
	MovePause MoveAction = iota
	MoveResume
	MoveCancel   // stops before the next chunk; what has a number is delivered
	MoveThrottle // changes the rate
	numMoveActions
)

// MovePhase is where a move stands.
type MovePhase uint8

// The phases of a move, in the order in which they come.
const (
	MoveProposed MovePhase = iota // waits for the recipient to agree
	MoveRunning                   // sends chunks
	MovePaused                    // sends none until it is resumed
	MoveDraining                  // all chunks sent, some unacknowledged
	MoveStopping                  // canceled or failed, some chunks unacknowledged
	MoveDone                      // all delegates acknowledged
	MoveCanceled                  // stopped by order
	MoveFailed                    // stopped by a condition; Reason says which
	numMovePhases
)

// Ended reports whether the phase is final.
func (p MovePhase) Ended() bool { return p >= MoveDone }

// String returns the phase as kvctl prints it.
func (p MovePhase) String() string {
	return name(uint8(p), "proposed", "running", "paused", "draining", "stopping", "done", "canceled", "failed")
}

// OrderReason says how an order was answered.
type OrderReason uint8

// The answers to an order, and the reasons for which a move fails.
const (
	OrderAccepted    OrderReason = iota
	EmptyRange                   // the range holds no key
	RecipientIsSelf              // the recipient owns it already: it is this host
	UnknownHost                  // the recipient is not a host of this cluster
	NotOwner                     // another host owns a part of the range
	OverlapsMove                 // an unfinished move of this host covers a part of it
	TooManyMoves                 // the bound on unfinished moves is reached
	NoSuchMove                   // no move of this number is known any more
	MoveEnded                    // the move has ended or is stopping
	RecipientRefuses             // the recipient does not know this host
	NoRoom                       // the recipient has no room
	MessageTooLarge              // the recipient's wire limit is smaller than this host's
	numOrderReasons
)

// String returns the reason in words.
func (r OrderReason) String() string {
	return name(uint8(r), "accepted", "the range is empty", "the recipient is the owner itself",
		"the recipient is no host of this cluster", "another host owns a part of the range",
		"it overlaps an unfinished move", "too many unfinished moves", "no such move", "the move has ended",
		"the recipient does not know this host", "the recipient has no room",
		"the recipient takes only smaller messages")
}

// RefusalReason says why a request got no answer.
type RefusalReason uint8

// The reasons of a refusal.
const (
	// UnknownSession says that the host has no such session. A read is repeated
	// in a new session; a write that was tried in the old one has an unknown outcome.
	UnknownSession  RefusalReason = iota
	NotServing                    // the host has not met all of its peers yet
	HoldTimedOut                  // a delegate that covers the key did not arrive in time
	TooManyHolds                  // the bound on held requests is reached
	BeyondWindow                  // the number lies above floor + window
	DiskFull                      // less than half of the reserve is left: too little to record an answer to a put
	Overloaded                    // the host has more waiting than it can do in time
	TooManySessions               // the bound on sessions is reached
	UnknownCut                    // the audit's cut has expired
	numRefusalReasons
)

// String returns the reason in words.
func (r RefusalReason) String() string {
	return name(uint8(r), "unknown session", "not serving yet", "the delegate did not arrive in time",
		"too many held requests", "number beyond the session's window", "disk full, or memory limit reached", "overloaded",
		"too many sessions", "unknown cut")
}

func name(i uint8, names ...string) string {
	if int(i) < len(names) {
		return names[i]
	}
	return "unknown (" + strconv.Itoa(int(i)) + ")"
}
