package marshal

// Append appends m's bytes to b and returns the longer slice. It takes no memory
// but for b's growth, and keeps nothing of m.
//
// Fields that have no meaning beside others are not written and decode as zero:
// the value of a removal, the value of what was not found, the version of a
// condition that is not set. An empty list or value decodes as nil. Everything
// else decodes as it was, and equal messages have equal bytes.
//
// Append does not judge: a message that is beyond the limits of this package is
// written, and will not be decoded. It panics where m is nil.
func Append(b []byte, m Message) []byte { return m.write(b) }

// AppendDelegate appends the bytes of d alone, as a record of a store: a msgpack
// array of the elements that a [Single] carries. [DecodeDelegate] reads it.
func AppendDelegate(b []byte, d *Delegate) []byte {
	return d.write(append(b, fixarray|delegateElements))
}
