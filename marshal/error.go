package marshal

import (
	"errors"
	"strconv"
)

// ErrMalformed says that bytes are not a message. Every error of a decoder is
// one (errors.Is); [MalformedError] says more (errors.As).
var ErrMalformed = errors.New("malformed message")

// A Fault is a way of not being a message, to count by.
type Fault uint8

// The faults.
const (
	FaultNone         Fault = iota
	FaultTruncated          // the bytes end before the message does
	FaultTrailing           // bytes follow the message
	FaultUnknown            // no message has this code
	FaultFields             // another number of elements than the message or list has
	FaultType               // an element of another msgpack type than the field has
	FaultNotCanonical       // a value that has a shorter, or another, encoding
	FaultTooShort           // an empty key
	FaultTooLong            // a length or a count above its limit
	FaultOutOfRange         // a number above what its field can hold
	FaultEmptyRange         // a range without keys where there has to be one
	NumFaults
)

// String returns the fault in words.
func (f Fault) String() string {
	return name(uint8(f), "no fault", "the bytes end within it", "bytes follow its end", "no message has this code",
		"wrong number of elements", "wrong type of element", "not the canonical encoding", "too short", "too long",
		"number out of range", "the range is empty")
}

// A MalformedError says what is wrong with bytes that are not a message.
type MalformedError struct {
	// Message is the name of the message's type, "" where not even that is known.
	Message string
	// Field names the field, as in "entry.key"; "" where the fault is the whole message's.
	Field string
	// Offset is where the faulty element begins, in bytes from the message's start.
	Offset int
	Fault  Fault
}

// Error names message, field, place and fault.
func (e *MalformedError) Error() string {
	s := ErrMalformed.Error() + ": "
	if e.Message != "" {
		s += e.Message + ", "
	}
	if e.Field != "" {
		s += "field " + e.Field + ", "
	}
	return s + "byte " + strconv.Itoa(e.Offset) + ": " + e.Fault.String()
}

// Unwrap returns [ErrMalformed].
func (e *MalformedError) Unwrap() error { return ErrMalformed }
