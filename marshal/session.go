package marshal

import (
	"slices"
	"strings"
)

// The bytes of the messages that open and close a session.

// helloPadding fills a Hello up to HelloBytes: what remains behind the array's
// header, the code, the nonce with its header, and the padding's own header.
const helloPadding = HelloBytes - (2 + 2 + idBytes + 2)

func (m *Hello) write(b []byte) []byte {
	b = appendOpening(b, kindHello)
	b = appendID(b, m.Nonce)
	var padding [helloPadding]byte
	return appendBin(b, padding[:])
}

func (m *Hello) read(r *reader) {
	m.Nonce = r.id("nonce")
	at := r.i
	if padding := text(r.bin("padding", helloPadding)); padding != zeros && r.fault == FaultNone {
		r.i = at
		r.fail(FaultNotCanonical, "padding")
	}
}

func (m *Hello) clone() Message { return flat(m) }

// zeros is what the padding has to be, so that a Hello has one encoding.
var zeros = string(make([]byte, helloPadding))

func (m *CookieReply) write(b []byte) []byte {
	b = appendOpening(b, kindCookieReply)
	return appendID(appendID(b, m.Nonce), m.Cookie)
}

func (m *CookieReply) read(r *reader) {
	m.Nonce = r.id("nonce")
	m.Cookie = r.id("cookie")
}

func (m *CookieReply) clone() Message { return flat(m) }

func (m *Open) write(b []byte) []byte {
	b = appendOpening(b, kindOpen)
	return appendID(appendID(b, m.Nonce), m.Cookie)
}

func (m *Open) read(r *reader) {
	m.Nonce = r.id("nonce")
	m.Cookie = r.id("cookie")
}

func (m *Open) clone() Message { return flat(m) }

func (m *Opened) write(b []byte) []byte {
	b = appendOpening(b, kindOpened)
	b = appendID(appendID(b, m.Nonce), m.Session)
	b = appendUint(b, uint64(m.Host))
	b = appendUint(b, uint64(m.Incarnation))
	b = appendUint(b, uint64(m.Window))
	b = appendUint(b, m.IdleMillis)
	b = appendUint(b, uint64(m.Root))
	b = appendList(b, len(m.Members), memberElements)
	for _, member := range m.Members {
		b = appendText(appendUint(b, uint64(member.ID)), member.Address)
	}
	return b
}

func (m *Opened) read(r *reader) {
	m.Nonce = r.id("nonce")
	m.Session = r.id("session")
	m.Host = r.host("host")
	m.Incarnation = r.incarnation("incarnation")
	m.Window = r.uint32("window")
	m.IdleMillis = r.uint("idle")
	m.Root = r.host("root")
	n := r.list("members", memberElements, memberMinBytes, MaxMembers)
	if n == 0 {
		return
	}
	m.Members = make([]Member, n)
	for i := range m.Members {
		m.Members[i].ID = r.host("member.id")
		m.Members[i].Address = r.text("member.address", MaxAddressBytes)
	}
}

func (m *Opened) clone() Message {
	c := *m
	c.Members = slices.Clone(m.Members)
	for i := range c.Members {
		c.Members[i].Address = strings.Clone(c.Members[i].Address)
	}
	return &c
}

func (m *CloseRequest) write(b []byte) []byte {
	return appendRequestHeader(appendOpening(b, kindCloseRequest), &m.RequestHeader)
}

func (m *CloseRequest) read(r *reader) { r.requestHeader(&m.RequestHeader) }

func (m *CloseRequest) clone() Message { return flat(m) }
