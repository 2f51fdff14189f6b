package server

import (
	"net/netip"

	"ironkv/kv"
	"ironkv/kv/store"
	"ironkv/marshal"
	"ironkv/udp"
)

// outbox is what one batch wants sent, encoded, and what has to be awaited before.
type outbox struct {
	pending store.Pending // nil: the batch is durable
	step    uint64        // the batch's last
	buf     []byte
	list    []departure
}

// departure is one message: the bytes of buf up to end, from where the one before ends.
type departure struct {
	dst  netip.AddrPort
	end  int
	mode udp.Mode
	// proven says that whoever is at dst has proven to receive there.
	proven bool
}

// add encodes m at once: it need not stay valid. It reports whether m says that
// whoever is at dst has proven to receive there.
func (o *outbox) add(dst netip.AddrPort, m marshal.Message, mode udp.Mode) (proven bool) {
	o.buf = marshal.Append(o.buf, m)
	_, proven = m.(*marshal.Opened)
	o.list = append(o.list, departure{dst: dst, end: len(o.buf), mode: mode, proven: proven})
	return proven
}

// refuse adds the refusal of a request that is shed: no step of the machine, but seen
// by the observer.
func (o *outbox) refuse(request kv.Packet, header marshal.RequestHeader, observer Observer) {
	before := len(o.buf)
	o.add(request.Src.Client, &marshal.Refusal{RequestHeader: header, Reason: marshal.Overloaded}, udp.Once)
	observer.Shed(request, o.buf[before:])
}

// full reports whether the batch should end.
func (o *outbox) full() bool { return len(o.buf) >= maxBatchBytes }

// reset empties o and keeps its memory, unless that is much.
func (o *outbox) reset() {
	o.pending = nil
	o.list = o.list[:0]
	o.buf = o.buf[:0]
	if cap(o.buf) > idleBytes {
		o.buf = nil
	}
}
