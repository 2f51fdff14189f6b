package spec

import (
	"ironkv/delegation"
	"ironkv/marshal"
)

// A Request is one of [Get], [Set], [Scan] and [Order]; a Reply its answer. All
// but the scan's reply are comparable.
type (
	Request interface{ request() }
	// A Reply answers the request of the same name.
	Reply interface{ reply() }
)

// An Operation is what is executed at most once.
type Operation = marshal.OperationID

// An Entry is a present key with its value and version.
type Entry struct {
	Key     delegation.Key
	Value   string
	Version marshal.Version
}

// Requests and their replies.
type (
	// Get reads a key (AppGetRequest).
	Get struct{ Key delegation.Key }
	// GetReply gives the Entry without its key, the zero Entry where it is absent.
	GetReply struct {
		Found bool
		Entry Entry
	}
	// Set writes a key, or removes it (AppSetRequest).
	Set struct {
		Operation Operation
		Key       delegation.Key
		Value     string
		Delete    bool
		Condition marshal.Condition
	}
	// SetReply says what became of it, and the key's version afterwards, or the
	// version that a delete removed.
	SetReply struct {
		Result  marshal.SetResult
		Version marshal.Version
	}
	// Scan reads from the start of Range on.
	Scan struct {
		Range delegation.Range
		Mode  marshal.ScanMode
	}
	// ScanReply is complete for Covered, a first part of the range.
	ScanReply struct {
		Covered delegation.Range
		Keys    uint64
		Entries []Entry
	}
	// Order asks where keys are to be kept: nothing that S knows of, but it too is
	// executed at most once.
	Order struct{ Operation Operation }
	// OrderReply answers it.
	OrderReply struct{ Reason marshal.OrderReason }
)

func (Get) request()   {}
func (Set) request()   {}
func (Scan) request()  {}
func (Order) request() {}

func (GetReply) reply()   {}
func (SetReply) reply()   {}
func (ScanReply) reply()  {}
func (OrderReply) reply() {}

// A Ticket says whose request it is, and which of his; the reply bears the same (the
// seqno of AppRequest and AppReply).
type Ticket struct {
	Session marshal.SessionID
	Number  uint64
}

// An Execution is a request with its reply: what a transition of S adds.
type Execution struct {
	Ticket  Ticket
	Request Request
	Reply   Reply
}
