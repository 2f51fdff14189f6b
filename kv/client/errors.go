package client

import (
	"errors"
	"fmt"

	"ironkv/marshal"
)

// Errors of this package, for errors.Is. Those that are returned wrap them with
// the operation, the key or range, and what to do.
var (
	// ErrNotFound says that the key has no entry.
	ErrNotFound = errors.New("key not found")
	// ErrConditionFailed says that the key's version was another than the
	// condition names; nothing was changed.
	ErrConditionFailed = errors.New("condition not met")
	// ErrTooLarge says that a key or a value is longer than the store takes
	// (1 to 4,096 bytes, 0 to 4 MiB). Nothing was sent.
	ErrTooLarge = errors.New("too large")
	// ErrFull says that the disk of the key's owner has less than its reserve left
	// (kvd --reserve), or its memory comes that near to its limit (kvd --memory-limit):
	// nothing was written. Reads, deletes and moves away from that host still work.
	// Below half of the reserve a host can record no answer: then a put is tried for a
	// second and ends with ErrFull beside [ErrUnknownOutcome], since a late copy of the
	// request may still be executed once there is room.
	ErrFull = errors.New("disk full, or memory limit reached")
	// ErrEmptyKey says that a key has no bytes. Nothing was sent.
	ErrEmptyKey = errors.New("empty key")
	// ErrEmptyRange says that a range holds no key: its end is not above its start.
	ErrEmptyRange = errors.New("empty range")
	// ErrUnavailable says that no answer came in time, or that a host cannot
	// answer. The request was certainly not executed.
	ErrUnavailable = errors.New("unavailable")
	// ErrOverloaded says, beside [ErrUnavailable] or [ErrUnknownOutcome], that while
	// the request waited its host said that it has more to do than it can in time:
	// ask for less at once, or later.
	ErrOverloaded = errors.New("host overloaded")
	// ErrUnknownOutcome says that a write or an order was sent and never answered:
	// it was executed once, or never, or may still be executed once.
	ErrUnknownOutcome = errors.New("outcome unknown")
	// ErrClosed says that the client was closed.
	ErrClosed = errors.New("client closed")
	// ErrMoveRefused says that a host refused an order to a move; a [RefusedError]
	// in the chain says why.
	ErrMoveRefused = errors.New("order refused")
	// ErrNoSuchMove says that there never was a move of this id, as far as its host
	// knows; an order to a move ([Client.PauseMove] and its like) fails so too where
	// the host has forgotten it.
	ErrNoSuchMove = errors.New("no such move")
	// ErrMoveForgotten says that the move has ended, and that its host has forgotten how:
	// hosts remember the last 64 moves that ended.
	ErrMoveForgotten = errors.New("the move has ended, and its host has forgotten how")
	// ErrUnknownHost says that no host of the cluster has this id.
	ErrUnknownHost = errors.New("no such host")
	// ErrViolation says that the audit found a key with no owner, or with two.
	ErrViolation = errors.New("single ownership violated")
	// ErrUndetermined says that the audit could not be completed, and of whom it
	// lacks the answer.
	ErrUndetermined = errors.New("undetermined")
	// ErrConfig says that an argument of Dial, or what a host says of its
	// cluster, cannot be used.
	ErrConfig = errors.New("invalid configuration")
)

// A RefusedError tells which reason a host gave for refusing an order.
// It is found with errors.As beside [ErrMoveRefused].
type RefusedError struct {
	Host   HostID
	Reason marshal.OrderReason
	// Move is the move that stands in the way, where one does.
	Move MoveID
}

// Error says who refused and why.
func (e *RefusedError) Error() string {
	if e.Move != (MoveID{}) {
		return fmt.Sprintf("host %d: %v (move %v)", e.Host, e.Reason, e.Move)
	}
	return fmt.Sprintf("host %d: %v", e.Host, e.Reason)
}

// Is makes a RefusedError match [ErrMoveRefused].
func (e *RefusedError) Is(target error) bool { return target == ErrMoveRefused }

// A NoAnswerError tells why a host gave no answer: the last reason that it, or
// the network, gave. It is found with errors.As beside [ErrUnavailable] and
// [ErrUnknownOutcome].
type NoAnswerError struct {
	// Host is 0 where the client was still looking for any host.
	Host HostID
	// Refused says that the host did answer, with Reason.
	Refused bool
	Reason  marshal.RefusalReason
	// Overloaded says that the host said meanwhile, of this request or of others of
	// this client, that it is overloaded.
	Overloaded bool
}

// Error says who did not answer.
func (e *NoAnswerError) Error() string {
	switch {
	case e.Refused:
		return fmt.Sprintf("host %d: %v", e.Host, e.Reason)
	case e.Overloaded:
		return fmt.Sprintf("no answer from host %d: it is overloaded", e.Host)
	case e.Host == 0:
		return "no answer from any address"
	}
	return fmt.Sprintf("no answer from host %d", e.Host)
}

// Is makes a NoAnswerError match [ErrOverloaded] where the host was, and [ErrFull]
// where it had too little room to answer.
func (e *NoAnswerError) Is(target error) bool {
	return target == ErrOverloaded && e.Overloaded || target == ErrFull && e.Refused && e.Reason == marshal.DiskFull
}

var errOtherLife = errors.New("the host has forgotten the session")

// A callError joins the reasons for which a request ended without an answer, the
// one that decides first.
type callError struct{ reasons []error }

// Error lists the reasons.
func (e *callError) Error() string {
	text := ""
	for i, err := range e.reasons {
		if i > 0 {
			text += ": "
		}
		text += err.Error()
	}
	return text
}

// Unwrap returns the reasons, for errors.Is and errors.As.
func (e *callError) Unwrap() []error { return e.reasons }
