package marshal

import "fmt"

// Append appends m's bytes to b and returns the longer slice. It takes no
// memory where b has room for them ([MaxSize] says how much is enough), and
// keeps nothing of m. The bytes are one msgpack array: the message's code, then
// its fields in the order of their declaration, headers first.
//
// Fields that have no meaning beside others are not written and decode as zero:
// the value of a removal, the value of what was not found, the version of a
// condition that is not set. An empty list or value decodes as nil. Everything
// else decodes as it was, and equal messages have equal bytes.
//
// Append does not judge: a message that is beyond the limits of this package is
// written, and will not be decoded. It panics where m is nil.
func Append(b []byte, m Message) []byte {
	switch m := m.(type) {
	case *GetRequest:
		return m.write(b)
	case *SetRequest:
		return m.write(b)
	case *GetReply:
		return m.write(b)
	case *SetReply:
		return m.write(b)
	case *Single:
		return m.write(b)
	case *Ack:
		return m.write(b)
	case coded:
		return m.write(b)
	}
	panic(fmt.Sprintf("marshal: Append of %T: not a message", m))
}

// A coded is a message with its bytes. Every Message is one: a test says so.
type coded interface {
	Message
	// write appends the message's bytes.
	write(b []byte) []byte
	// read sets all fields from the elements behind the code.
	read(r *reader)
}

// AppendDelegate appends the bytes of d alone, as a record of a store: a msgpack
// array of the elements that a [Single] carries. [DecodeDelegate] reads it.
func AppendDelegate(b []byte, d *Delegate) []byte {
	return d.write(append(b, fixarray|delegateElements))
}
