package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"

	"ironkv/marshal"
	"ironkv/udp"
)

func isDeadline(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }

// Dial connects to a cluster. One address of a living host is enough; with
// several, the first that answers counts. An address is host:port, a name or an
// IP. It fails with [ErrUnavailable] where no host answers before the deadline,
// with [ErrConfig] for addresses and options that cannot be used, and with the
// context's error where that is over.
func Dial(ctx context.Context, addrs []string, opts ...Option) (*Client, error) {
	o := options{timeout: DefaultTimeout, logger: slog.New(slog.DiscardHandler)}
	for _, set := range opts {
		set(&o)
	}
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.timeout)
		defer cancel()
	}
	switch {
	case len(addrs) == 0:
		return nil, fmt.Errorf("%w: no address to dial", ErrConfig)
	case o.timeout <= 0:
		return nil, fmt.Errorf("%w: a timeout of %v: it must be above zero", ErrConfig, o.timeout)
	case errors.Is(ctx.Err(), context.Canceled):
		return nil, fmt.Errorf("dial %v: %w", addrs, ctx.Err())
	case ctx.Err() != nil:
		return nil, fmt.Errorf("dial %v: %w: %w", addrs, ErrUnavailable, ctx.Err())
	}
	var seeds []netip.AddrPort
	for _, a := range addrs {
		found, err := resolve(ctx, a)
		if err != nil {
			return nil, err
		}
		seeds = append(seeds, found...)
	}
	c, err := dial(ctx, o, seeds, narrowest(seeds))
	if errors.Is(err, errNarrow) {
		c, err = dial(ctx, o, seeds, netip.IPv6Unspecified()) // serves IPv4 too
	}
	if err != nil {
		return nil, fmt.Errorf("dial %v: %w", addrs, err)
	}
	return c, nil
}

// errNarrow says that the socket is bound to an interface from which a host of
// the cluster cannot be reached.
var errNarrow = errors.New("a host of the cluster is out of the socket's reach")

// dial makes a client whose socket is bound to the given address.
func dial(ctx context.Context, o options, seeds []netip.AddrPort, bind netip.Addr) (*Client, error) {
	conn, err := udp.Listen(netip.AddrPortFrom(bind, 0), udp.Config{Faults: o.faults, NoPoll: o.noPoll})
	if err != nil {
		return nil, fmt.Errorf("open a socket: %w", err)
	}
	c := newClient(o, conn)
	if err := c.meet(ctx, seeds, bind); err != nil {
		_ = c.Close() // the error that matters is the first
		return nil, err
	}
	return c, nil
}

// meet opens a session at whichever seed answers first and learns the members.
func (c *Client) meet(ctx context.Context, seeds []netip.AddrPort, bind netip.Addr) error {
	e := c.engine
	e.byAddr = map[netip.AddrPort]*host{}
	for _, addr := range seeds {
		if e.byAddr[addr] == nil {
			h := &host{addr: addr}
			e.byAddr[addr] = h
			e.hosts = append(e.hosts, h)
			c.greet(addr)
		}
	}
	w := newWaiter()
	w.left = 1
	o := &op{kind: opDial, ctx: ctx, w: w}
	c.mu.Lock()
	c.start(c.clock.now(), o)
	c.wait(w)
	if o.err != nil {
		return o.err
	}
	opened, _ := o.reply.(*marshal.Opened)
	hosts, err := c.members(ctx, opened, o.host)
	if err != nil {
		return err
	}
	for _, h := range hosts {
		if !reaches(bind, h.addr.Addr()) {
			return errNarrow
		}
		c.greet(h.addr)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	e.adopt(hosts, opened.Root)
	return nil
}

// greet prepares the socket for a host that this client chose to talk to.
func (c *Client) greet(addr netip.AddrPort) {
	size := c.opts.datagram
	if size == 0 {
		size = udp.PathMTU(addr)
	}
	c.conn.Classify(addr, udp.Peer)
	c.conn.SetDatagram(addr, size)
}

// members turns what a host said of its cluster into hosts. The one that was
// reached keeps the address at which it was.
func (c *Client) members(ctx context.Context, m *marshal.Opened, reached *host) ([]*host, error) {
	var hosts []*host
	taken := map[netip.AddrPort]HostID{}
	root := false
	for _, member := range m.Members {
		var h *host
		if member.ID == m.Host {
			h = reached
		} else {
			found, err := resolve(ctx, member.Address)
			if err != nil {
				return nil, fmt.Errorf("host %d: %w", member.ID, err)
			}
			h = &host{addr: found[0]}
		}
		if other, ok := taken[h.addr]; ok {
			return nil, fmt.Errorf("%w: hosts %d and %d have the same address %v", ErrConfig, other, member.ID, h.addr)
		}
		taken[h.addr] = member.ID
		h.id = member.ID
		root = root || h.id == m.Root
		hosts = append(hosts, h)
	}
	if reached.id != m.Host || !root {
		return nil, fmt.Errorf("%w: host %d names members without itself, or without the root host %d", ErrConfig, m.Host, m.Root)
	}
	return hosts, nil
}

// resolve returns the addresses that host:port stands for, at least one.
func resolve(ctx context.Context, address string) ([]netip.AddrPort, error) {
	if a, err := netip.ParseAddrPort(address); err == nil && a.Port() != 0 {
		return []netip.AddrPort{netip.AddrPortFrom(a.Addr().Unmap(), a.Port())}, nil
	}
	name, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("%w: address %q: want host:port", ErrConfig, address)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return nil, fmt.Errorf("%w: address %q: the port is a number from 1 to 65535", ErrConfig, address)
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", name)
	if err != nil || len(ips) == 0 {
		return nil, fmt.Errorf("%w: address %q: %w", ErrUnavailable, address, err)
	}
	var out []netip.AddrPort
	for _, v4first := range []bool{true, false} {
		for _, ip := range ips {
			if ip.Unmap().Is4() == v4first {
				out = append(out, netip.AddrPortFrom(ip.Unmap(), uint16(n)))
			}
		}
	}
	return out, nil
}

// narrowest returns the address to bind the client's socket to that serves the
// hosts dialed and as little else as may be.
func narrowest(seeds []netip.AddrPort) netip.Addr {
	for _, bind := range []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback(), netip.IPv4Unspecified()} {
		if !slices.ContainsFunc(seeds, func(a netip.AddrPort) bool { return !reaches(bind, a.Addr()) }) {
			return bind
		}
	}
	return netip.IPv6Unspecified()
}

// reaches reports whether a socket bound to bind can send to ip.
func reaches(bind, ip netip.Addr) bool {
	switch {
	case bind == netip.IPv6Unspecified():
		return true
	case bind.Is4() != ip.Is4():
		return false
	}
	return bind.IsUnspecified() || ip.IsLoopback()
}
