//go:build linux && !plainudp

package udp

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

const (
	// receiveBatch is how many buffers one recvmmsg fills; with offload each may hold many datagrams.
	receiveBatch = 32
	// receiveBuffer is the size of each, in bytes: the greatest datagram, or coalesced datagrams.
	receiveBuffer = 64 << 10
	// sendBatch is how many messages one sendmmsg takes, sendVectors how many datagrams they hold.
	sendBatch   = 64
	sendVectors = 512
	// maxSegments and maxSegmented are how many datagrams, and bytes, one offloaded send takes
	// (UDP_MAX_SEGMENTS; the IP packet's length field).
	maxSegments  = 64
	maxSegmented = 65_000
	// errorsInARow bounds how many pending errors of the socket one call passes over.
	errorsInARow = 64
)

// mmsghdr is the kernel's struct mmsghdr.
type mmsghdr struct {
	header unix.Msghdr
	length uint32
}

// control has room for one control message of an int, aligned as the kernel wants it.
type control struct {
	header unix.Cmsghdr
	value  [8]byte
}

// socket moves datagrams in batches by recvmmsg and sendmmsg, hand-kept so that nothing is allocated
// per call or per datagram. Its two halves may be used at the same time, each by one goroutine.
type socket struct {
	fd    int // waits, unless a call says otherwise
	local netip.AddrPort
	v6    bool // the socket's family; IPv4 addresses are then written in IPv6 form
	// using is held for reading by who makes a system call with fd, for writing by who closes it.
	using  sync.RWMutex
	closed bool
	// parking is where a goroutine waits for datagrams while it is armed; raw is of it.
	parking *os.File
	raw     syscall.RawConn
	armed   bool
	// lingers says that linger may be called.
	lingers bool
	receiveHalf
	sendHalf
}

type receiveHalf struct {
	messages  [receiveBatch]mmsghdr
	vectors   [receiveBatch]unix.Iovec
	names     [receiveBatch]unix.RawSockaddrInet6
	controls  [receiveBatch]control
	buffer    []byte
	used      int // messages to reset before the next call
	arrivals  []arrival
	zones     map[uint32]string
	flags     uintptr // of the next call
	result    int
	errno     syscall.Errno
	waiting   func(uintptr) bool // made once: closures allocate
	receiving func()
}

type sendHalf struct {
	segment  bool // the kernel segments
	messages [sendBatch]mmsghdr
	vectors  [sendVectors]unix.Iovec
	names    [sendBatch]unix.RawSockaddrInet6
	controls [sendBatch]control
	counts   [sendBatch]int // datagrams in each message
	list     []outgoing
	plain    int // this many datagrams from the start of list go out one by one
	written  written
	sending  func()
}

func openSocket(addr netip.AddrPort, offload bool) (*socket, error) {
	network := "udp"
	switch {
	case addr.Addr().Is4():
		network = "udp4"
	case !addr.Addr().IsUnspecified():
		network = "udp6"
	}
	conn, err := net.ListenUDP(network, net.UDPAddrFromAddrPort(addr))
	if err != nil {
		return nil, err
	}
	// The kernel grants what its limits allow, and says nothing when that is less.
	_ = conn.SetReadBuffer(socketBuffer)
	_ = conn.SetWriteBuffer(socketBuffer)
	s := &socket{local: unmap(conn.LocalAddr().(*net.UDPAddr).AddrPort())}
	s.fd, err = takeOver(conn)
	if err != nil {
		return nil, err
	}
	if err := s.openParking(); err != nil {
		_ = unix.Close(s.fd)
		return nil, err
	}
	s.probe(offload)
	s.prepare()
	return s, nil
}

// takeOver takes the descriptor out of a socket of package net, whose poller would wake a
// thread for each datagram that comes or goes, whoever waits for it.
func takeOver(conn *net.UDPConn) (fd int, err error) {
	defer func() { _ = conn.Close() }() // a copy remains
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	failed := raw.Control(func(of uintptr) { fd, err = unix.FcntlInt(of, unix.F_DUPFD_CLOEXEC, 0) })
	return fd, errors.Join(failed, err)
}

// openParking makes what a goroutine waits at: an epoll descriptor that watches the socket while
// it is armed, and is itself watched by the runtime's poller.
func (s *socket) openParking() error {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	if err := errors.Join(unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, s.fd, &unix.EpollEvent{}), unix.SetNonblock(epoll, true)); err != nil {
		_ = unix.Close(epoll)
		return os.NewSyscallError("epoll_ctl", err)
	}
	s.parking = os.NewFile(uintptr(epoll), "udp")
	if s.raw, err = s.parking.SyscallConn(); err == nil {
		err = s.parking.SetReadDeadline(time.Time{}) // fails where the runtime does not watch it
	}
	if err != nil {
		_ = s.parking.Close()
	}
	return err
}

// watch arms the parking, or disarms it.
func (s *socket) watch(armed bool) error {
	if s.armed == armed {
		return nil
	}
	var events uint32
	if armed {
		events = unix.EPOLLIN | unix.EPOLLET
	}
	var err error
	failed := s.raw.Control(func(epoll uintptr) {
		err = unix.EpollCtl(int(epoll), unix.EPOLL_CTL_MOD, s.fd, &unix.EpollEvent{Events: events})
	})
	s.armed = armed
	return errors.Join(failed, err)
}

// probe learns the socket's family and what the kernel can do.
func (s *socket) probe(offload bool) {
	domain, err := unix.GetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
	s.v6 = err == nil && domain == unix.AF_INET6
	// Whatever else is done with the socket says by itself that it must not wait.
	limit := unix.NsecToTimeval(int64(lingerTime))
	s.lingers = unix.SetsockoptTimeval(s.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit) == nil &&
		unix.SetNonblock(s.fd, false) == nil
	if !offload {
		return
	}
	_, err = unix.GetsockoptInt(s.fd, unix.IPPROTO_UDP, unix.UDP_SEGMENT)
	s.segment = err == nil
	// Without UDP_GRO datagrams arrive one by one.
	_ = unix.SetsockoptInt(s.fd, unix.IPPROTO_UDP, unix.UDP_GRO, 1)
}

// filter has the kernel drop what the program does not let through; nil lets everything through.
func (s *socket) filter(program []bpf.Instruction) error {
	raw, err := bpf.Assemble(program)
	if err != nil {
		return err
	}
	list := make([]unix.SockFilter, len(raw))
	for i, r := range raw {
		list[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	closed := s.use(func() {
		if len(list) == 0 {
			err = unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0)
			return
		}
		err = unix.SetsockoptSockFprog(s.fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
			&unix.SockFprog{Len: uint16(len(list)), Filter: &list[0]})
	})
	return errors.Join(closed, err)
}

// prepare links headers, vectors, names and buffers once.
func (s *socket) prepare() {
	r := &s.receiveHalf
	r.buffer = make([]byte, receiveBatch*receiveBuffer)
	for i := range r.messages {
		r.vectors[i].Base = &r.buffer[i*receiveBuffer]
		r.vectors[i].SetLen(receiveBuffer)
		h := &r.messages[i].header
		h.Iov = &r.vectors[i]
		h.SetIovlen(1)
		h.Name = (*byte)(unsafe.Pointer(&r.names[i]))
	}
	r.used = receiveBatch
	r.receiving = s.receive
	r.waiting = func(uintptr) bool {
		if s.use(r.receiving) != nil {
			r.errno = unix.EAGAIN
			return true
		}
		return r.errno != unix.EAGAIN
	}
	w := &s.sendHalf
	for i := range w.messages {
		w.messages[i].header.Name = (*byte)(unsafe.Pointer(&w.names[i]))
	}
	w.sending = s.send
}

func (s *socket) localAddr() netip.AddrPort { return s.local }

// close returns once nobody is in a system call with the socket.
func (s *socket) close() error {
	_ = s.use(func() { _ = unix.Shutdown(s.fd, unix.SHUT_RD) }) // wakes who lingers
	err := s.parking.Close()                                    // wakes who is parked
	s.using.Lock()
	defer s.using.Unlock()
	if s.closed {
		return net.ErrClosed
	}
	s.closed = true
	return errors.Join(err, unix.Close(s.fd))
}

// use calls what makes system calls with the socket, unless that is closed.
func (s *socket) use(call func()) error {
	s.using.RLock()
	defer s.using.RUnlock()
	if s.closed {
		return net.ErrClosed
	}
	call()
	return nil
}

// setReadDeadline fails only on a closed socket, which the read reports.
func (s *socket) setReadDeadline(at time.Time) { _ = s.parking.SetReadDeadline(at) }

// read takes a batch of datagrams and returns their number, waiting for the first if it may.
func (s *socket) read(wait bool) (int, error) {
	r := &s.receiveHalf
	r.flags = unix.MSG_DONTWAIT
	if !wait {
		return s.taken(s.use(r.receiving))
	}
	if err := s.watch(true); err != nil {
		return 0, err
	}
	return s.taken(s.raw.Read(r.waiting))
}

// glance is read that does not wait. Where nothing came, other threads have had the processor first
// if they want it: who is to send may be one of them.
func (s *socket) glance() (int, error) {
	if err := s.watch(false); err != nil {
		return 0, err
	}
	n, err := s.read(false)
	if n == 0 && err == nil {
		_, _, _ = unix.Syscall(unix.SYS_SCHED_YIELD, 0, 0, 0)
	}
	return n, err
}

// linger is read, but the thread itself waits in the kernel, for lingerTime or a little longer. It
// returns 0 and nil where nothing came.
func (s *socket) linger() (int, error) {
	if err := s.watch(false); err != nil {
		return 0, err
	}
	s.flags = unix.MSG_WAITFORONE
	return s.taken(s.use(s.receiving))
}

// taken says what a receive came to.
func (s *socket) taken(err error) (int, error) {
	r := &s.receiveHalf
	switch {
	case err != nil:
		return 0, err
	case r.errno == unix.EAGAIN:
		return 0, nil
	case r.errno != 0:
		return 0, r.errno
	}
	s.sort()
	return len(r.arrivals), nil
}

func (s *socket) datagram(i int) *arrival { return &s.arrivals[i] }

// passing lists the errors of a receive that earlier datagrams caused (ICMP says that nobody is
// there, or that there is no way): those datagrams' loss, which ends nothing.
var passing = []syscall.Errno{
	unix.EINTR, unix.ECONNREFUSED, unix.EHOSTUNREACH, unix.ENETUNREACH, unix.EMSGSIZE,
	unix.EPROTO, unix.ENOPROTOOPT, unix.EHOSTDOWN, unix.ENETDOWN, unix.EACCES,
}

// receive makes the system call.
func (s *socket) receive() {
	r := &s.receiveHalf
	for i := range r.used {
		h := &r.messages[i].header
		h.Namelen = uint32(unsafe.Sizeof(r.names[i]))
		h.Control = (*byte)(unsafe.Pointer(&r.controls[i]))
		h.SetControllen(int(unsafe.Sizeof(r.controls[i])))
		h.Flags = 0
	}
	r.used = 0
	for range errorsInARow {
		n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&r.messages[0])),
			receiveBatch, r.flags, 0, 0)
		r.result, r.errno = int(n), errno
		if errno == 0 {
			r.used = r.result
			return
		}
		if !slices.Contains(passing, errno) {
			r.result = 0
			return
		}
	}
	r.result, r.errno = 0, 0
}

// sort lists the datagrams of a batch, cutting apart what the kernel had coalesced.
func (s *socket) sort() {
	r := &s.receiveHalf
	r.arrivals = r.arrivals[:0]
	for i := range r.result {
		m := &r.messages[i]
		src := s.address(&r.names[i])
		data := r.buffer[i*receiveBuffer:][:m.length:m.length]
		size := len(data)
		if c := &r.controls[i]; m.header.Controllen >= unix.SizeofCmsghdr+4 &&
			c.header.Level == unix.IPPROTO_UDP && c.header.Type == unix.UDP_GRO {
			size = int(*(*int32)(unsafe.Pointer(&c.value)))
		}
		truncated := m.header.Flags&unix.MSG_TRUNC != 0
		for size > 0 && len(data) > size {
			r.arrivals = append(r.arrivals, arrival{src: src, data: data[:size:size]})
			data = data[size:]
		}
		r.arrivals = append(r.arrivals, arrival{src: src, data: data, truncated: truncated})
	}
}

// address reads a socket address as the kernel wrote it.
func (s *socket) address(name *unix.RawSockaddrInet6) netip.AddrPort {
	if name.Family == unix.AF_INET {
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(name))
		return netip.AddrPortFrom(netip.AddrFrom4(v4.Addr), swapPort(v4.Port))
	}
	a := netip.AddrFrom16(name.Addr).Unmap()
	if name.Scope_id != 0 && a.Is6() {
		a = a.WithZone(s.zone(name.Scope_id))
	}
	return netip.AddrPortFrom(a, swapPort(name.Port))
}

// zone returns the name of an interface, as netip writes zones; there are as many as interfaces.
func (s *socket) zone(index uint32) string {
	if name, ok := s.zones[index]; ok {
		return name
	}
	name := ""
	if i, err := net.InterfaceByIndex(int(index)); err == nil {
		name = i.Name
	}
	if s.zones == nil {
		s.zones = make(map[uint32]string)
	}
	s.zones[index] = name
	return name
}

// swapPort turns a port of network byte order into one of the host's, and back.
func swapPort(port uint16) uint16 {
	b := (*[2]byte)(unsafe.Pointer(&port))
	return uint16(b[0])<<8 | uint16(b[1])
}

// write sends datagrams, from the start of the list, until all are done with or the socket has no
// room. It does not wait.
func (s *socket) write(list []outgoing) written {
	w := &s.sendHalf
	w.list, w.plain, w.written = list, 0, written{}
	err := s.use(w.sending)
	w.list = nil
	if err != nil {
		w.written.err = net.ErrClosed
	}
	return w.written
}

// send makes the system calls of a write.
func (s *socket) send() {
	w := &s.sendHalf
	for w.written.done < len(w.list) {
		n := s.pack(w.list[w.written.done:])
		sent, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&w.messages[0])),
			uintptr(n), unix.MSG_DONTWAIT, 0, 0)
		if errno == 0 {
			w.written.calls++
			for i := range int(sent) {
				w.written.done += w.counts[i]
			}
			continue
		}
		// The first message is the one that failed.
		switch {
		case errno == unix.EAGAIN:
			return
		case errno == unix.EINTR:
		case w.counts[0] > 1:
			// The kernel or the device does not segment this: without, then. EIO says never.
			w.segment = w.segment && errno != unix.EIO
			w.plain = w.written.done + w.counts[0]
		default:
			w.written.done++
			w.written.refused++
		}
	}
}

// pack makes as many messages of the list's start as fit in one call. Datagrams of one size to one
// address, and a shorter one behind them, are one message that the kernel cuts up.
func (s *socket) pack(list []outgoing) (messages int) {
	w := &s.sendHalf
	vectors := 0
	for at := 0; at < len(list) && messages < sendBatch && vectors < sendVectors; messages++ {
		run := 1
		if w.segment && w.written.done+at >= w.plain {
			run = segments(list[at:], sendVectors-vectors)
		}
		h := &w.messages[messages].header
		h.Iov = &w.vectors[vectors]
		h.SetIovlen(run)
		for i := range run {
			buf := list[at+i].buf
			w.vectors[vectors].Base = unsafe.SliceData(buf) // a fault may have left it empty
			w.vectors[vectors].SetLen(len(buf))
			vectors++
		}
		h.Namelen = s.setAddress(&w.names[messages], list[at].dst)
		h.Control = nil
		h.SetControllen(0)
		if run > 1 {
			setSegment(h, &w.controls[messages], len(list[at].buf))
		}
		w.counts[messages] = run
		at += run
	}
	return messages
}

// segments returns how many datagrams at the start of list may go as one message.
func segments(list []outgoing, limit int) int {
	size := len(list[0].buf)
	total := size
	limit = min(limit, len(list), maxSegments)
	for n := 1; n < limit; n++ {
		length := len(list[n].buf)
		total += length
		if length > size || total > maxSegmented || list[n].dst != list[0].dst {
			return n
		}
		if length < size {
			return n + 1
		}
	}
	return limit
}

func setSegment(h *unix.Msghdr, c *control, size int) {
	c.header.Level = unix.IPPROTO_UDP
	c.header.Type = unix.UDP_SEGMENT
	c.header.SetLen(unix.CmsgLen(2))
	*(*uint16)(unsafe.Pointer(&c.value)) = uint16(size)
	h.Control = (*byte)(unsafe.Pointer(c))
	h.SetControllen(unix.CmsgSpace(2))
}

// setAddress writes a socket address and returns its length.
func (s *socket) setAddress(name *unix.RawSockaddrInet6, dst netip.AddrPort) uint32 {
	if !s.v6 {
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(name))
		v4.Family, v4.Port = unix.AF_INET, swapPort(dst.Port())
		if a := dst.Addr(); a.Is4() {
			v4.Addr = a.As4()
			return unix.SizeofSockaddrInet4
		}
		// An IPv6 address is beyond this socket: the kernel refuses the family, and it is counted.
		v4.Family = unix.AF_INET6
		return unix.SizeofSockaddrInet4
	}
	name.Family, name.Port = unix.AF_INET6, swapPort(dst.Port())
	name.Flowinfo, name.Scope_id = 0, 0
	name.Addr = dst.Addr().As16()
	if zone := dst.Addr().Zone(); zone != "" {
		if i, err := net.InterfaceByName(zone); err == nil {
			name.Scope_id = uint32(i.Index)
		}
	}
	return unix.SizeofSockaddrInet6
}
