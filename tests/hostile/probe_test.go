//go:build unix

package hostile_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"ironkv/marshal"
	"ironkv/udp"
)

// patience bounds what never takes long unless it is broken.
const patience = time.Minute

// A probe is an address that sends raw datagrams to one host. It takes no part in
// what package udp does: it acknowledges nothing and repeats nothing.
type probe struct {
	tb   testing.TB
	conn *net.UDPConn
	sent int    // bytes of datagrams
	run  uint64 // of the host's process, as its last answer to ask had it
	// unseen is the least id of a transmission of which nothing has come yet, see begun.
	unseen uint64
}

func newProbe(tb testing.TB, host netip.AddrPort) *probe {
	tb.Helper()
	return newProbeAt(tb, home, host)
}

// home is where honest clients on this machine are.
var home = net.IPv4(127, 0, 0, 1)

// place returns the i-th of the addresses, other than ports, that an attacker has: every second time
// it is the honest clients' own, and else, where loopback has more than one (Linux), one of few others.
func place(i int) net.IP {
	if i%2 == 0 || runtime.GOOS != "linux" {
		return home
	}
	return net.IPv4(127, 0, 0, byte(2+i/2%16))
}

func newProbeAt(tb testing.TB, from net.IP, host netip.AddrPort) *probe {
	tb.Helper()
	conn, err := net.DialUDP("udp4", &net.UDPAddr{IP: from}, net.UDPAddrFromAddrPort(host))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = conn.Close() })
	return &probe{tb: tb, conn: conn}
}

// send sends one datagram. On loopback it has arrived when this returns, or was
// dropped because the host's socket had no room.
func (p *probe) send(datagram []byte) {
	p.tb.Helper()
	n, err := p.conn.Write(datagram)
	if err != nil {
		p.tb.Fatal(err)
	}
	p.sent += n
}

// received takes all datagrams that have come back, without waiting.
func (p *probe) received() (datagrams [][]byte) {
	p.tb.Helper()
	buf := make([]byte, 1<<16)
	for b := p.next(buf); b != nil; b = p.next(buf) {
		datagrams = append(datagrams, bytes.Clone(b))
	}
	return datagrams
}

// next takes a datagram that has come back into buf, as much of it as there is room for; nil where
// there is none.
func (p *probe) next(buf []byte) []byte {
	p.tb.Helper()
	raw, err := p.conn.SyscallConn()
	if err != nil {
		p.tb.Fatal(err)
	}
	n := -1
	if err := raw.Read(func(fd uintptr) bool {
		n, _, _ = syscall.Recvfrom(int(fd), buf, syscall.MSG_DONTWAIT)
		return true
	}); err != nil {
		p.tb.Fatal(err)
	}
	if n < 0 {
		return nil
	}
	return buf[:n]
}

// begun returns which transmissions something has come of for the first time since it was last
// called. It reads no more of the datagrams than that.
func (p *probe) begun() (ids []uint64) {
	p.tb.Helper()
	buf := make([]byte, len(sealed(0, nil))+1+binary.MaxVarintLen64)
	for b := p.next(buf); b != nil; b = p.next(buf) {
		frame := b[min(len(b), len(sealed(0, nil))):]
		if len(frame) == 0 || frame[0] != frameFragment {
			continue
		}
		if id, n := binary.Uvarint(frame[1:]); n > 0 && id >= p.unseen {
			ids, p.unseen = append(ids, id), id+1
		}
	}
	return ids
}

// ask sends a message until it is answered, and returns the answer.
func (p *probe) ask(m marshal.Message) marshal.Message {
	p.tb.Helper()
	request, buf := datagrams(1, udp.Once, marshal.Append(nil, m))[0], make([]byte, 1<<16)
	defer func() { _ = p.conn.SetReadDeadline(time.Time{}) }()
	for late := time.Now().Add(patience); time.Now().Before(late); {
		p.send(request)
		_ = p.conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		if n, err := p.conn.Read(buf); err == nil {
			if got := open([][]byte{buf[:n]}); len(got) == 1 {
				p.run = binary.LittleEndian.Uint64(buf[len(sealed(0, nil))-8:])
				return got[0]
			}
		}
	}
	p.tb.Fatalf("no answer to %T", m)
	return nil
}

// session opens a session from the address of p, as a client does.
func (p *probe) session() *marshal.Opened {
	p.tb.Helper()
	nonce := marshal.Nonce{1}
	binary.LittleEndian.PutUint16(nonce[1:], p.conn.LocalAddr().(*net.UDPAddr).AddrPort().Port())
	cookie := p.ask(&marshal.Hello{Nonce: nonce}).(*marshal.CookieReply)
	return p.ask(&marshal.Open{Nonce: nonce, Cookie: cookie.Cookie}).(*marshal.Opened)
}

// datagrams returns the datagrams in which messages travel that are sent at one
// moment by a process that has just started.
func datagrams(nonce uint64, mode udp.Mode, messages ...[]byte) (list [][]byte) {
	t := udp.NewTransport(udp.Config{Nonce: nonce})
	dst := netip.MustParseAddrPort("127.0.0.1:1")
	t.Classify(dst, udp.Peer)
	for _, m := range messages {
		if err := t.Send(0, dst, m, mode); err != nil {
			panic(err)
		}
	}
	t.Flush(0, func(_ netip.AddrPort, d []byte) { list = append(list, bytes.Clone(d)) })
	return list
}

// open reads the messages out of datagrams, as a process that has just started does.
func open(list [][]byte) (messages []marshal.Message) {
	t := udp.NewTransport(udp.Config{Nonce: 1})
	src := netip.MustParseAddrPort("127.0.0.1:1")
	t.Classify(src, udp.Peer)
	for _, d := range list {
		t.Receive(0, src, d, func(_ netip.AddrPort, b []byte) {
			if m, err := marshal.Decode(bytes.Clone(b)); err == nil {
				messages = append(messages, m)
			}
		})
	}
	return messages
}

// A sample is the bytes of a message, with its type's name.
type sample struct {
	name  string
	bytes []byte
}

// samples returns messages of every kind, those that fix the format of the wire.
func samples(tb testing.TB) (list []sample) {
	tb.Helper()
	file, err := os.ReadFile("../../marshal/testdata/golden.txt")
	if err != nil {
		tb.Fatal(err)
	}
	for line := range strings.Lines(string(file)) {
		name, digits, _ := strings.Cut(strings.TrimSpace(line), " ")
		b, err := hex.DecodeString(digits)
		if err != nil {
			tb.Fatal(err)
		}
		list = append(list, sample{name, b})
	}
	return list
}

func randomBytes(rng *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}
