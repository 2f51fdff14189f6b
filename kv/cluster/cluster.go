package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"sync"

	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/kv/server"
	"ironkv/marshal"
	"ironkv/udp"
)

// ErrRunning and ErrNotRunning say that a host is not in the state that the call
// needs.
var (
	ErrRunning    = errors.New("the host is running")
	ErrNotRunning = errors.New("the host is not running")
)

// A Cluster is some hosts in this process. Make one with [New] or [Start].
type Cluster struct {
	opts    options
	members []marshal.Member
	temp    string // directory to remove in the end, or ""

	mu    sync.Mutex
	hosts []*host // host i+1 is hosts[i]
}

// TB is the part of testing.TB that [Start] needs.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
	Cleanup(func())
	TempDir() string
	Context() context.Context
}

// Start starts n hosts, waits until they serve, and stops them at the end of the
// test. The test fails where they do not start or do not stop cleanly.
func Start(t TB, n int, opts ...Option) *Cluster {
	t.Helper()
	o := collect(opts)
	if o.keeping == inFiles && o.dir == "" {
		o.dir = t.TempDir()
	}
	c, err := start(t.Context(), n, o)
	if err != nil {
		t.Fatalf("start a cluster of %d hosts: %v", n, err)
		return nil
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Errorf("stop the cluster: %v", err)
		}
	})
	return c
}

// New starts n hosts and waits until they serve, or ctx ends. Stop them with
// [Cluster.Stop].
func New(ctx context.Context, n int, opts ...Option) (*Cluster, error) {
	return start(ctx, n, collect(opts))
}

func collect(opts []Option) options {
	o := options{root: 1, logger: slog.New(slog.DiscardHandler)}
	for _, set := range opts {
		set(&o)
	}
	return o
}

func start(ctx context.Context, n int, o options) (*Cluster, error) {
	c := &Cluster{opts: o}
	if o.keeping == inFiles && o.dir == "" {
		dir, err := os.MkdirTemp("", "ironkv-cluster-")
		if err != nil {
			return nil, fmt.Errorf("make a temporary directory: %w", err)
		}
		c.opts.dir, c.temp = dir, dir
	}
	if err := c.listen(n); err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	if err := c.Wait(ctx); err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	return c, nil
}

// listen opens all sockets first, since each host has to know all addresses, and
// then starts the hosts on them.
func (c *Cluster) listen(n int) error {
	conns := make([]*udp.Conn, 0, n)
	for i := range n {
		h := &host{id: delegation.HostID(i + 1)}
		if c.opts.faulty {
			h.faults = udp.NewFaults(c.opts.seed+uint64(i), c.opts.rates)
		}
		conn, err := udp.Listen(netip.MustParseAddrPort("127.0.0.1:0"), c.transport(h))
		if err != nil {
			for _, opened := range conns {
				err = errors.Join(err, opened.Close())
			}
			return err
		}
		conns = append(conns, conn)
		c.hosts = append(c.hosts, h)
		c.members = append(c.members, marshal.Member{ID: h.id, Address: conn.LocalAddr().String()})
	}
	var errs []error
	for i, conn := range conns {
		errs = append(errs, c.run(c.hosts[i], conn))
	}
	return errors.Join(errs...)
}

func (c *Cluster) transport(h *host) udp.Config {
	cfg := server.Transport(c.opts.udp, c.opts.limits)
	cfg.Faults = h.faults
	return cfg
}

// run starts h on its store. It owns conn, which may be nil: then h's address is
// listened on again.
func (c *Cluster) run(h *host, conn *udp.Conn) error {
	if err := c.openStore(h); err != nil {
		if conn != nil {
			err = errors.Join(err, conn.Close())
		}
		return fmt.Errorf("host %d: %w", h.id, err)
	}
	s, err := server.Listen(server.Config{
		Config: kv.Config{
			Me: h.id, Root: c.opts.root, Members: c.members, Software: "ironkv/kv/cluster",
			Durable: c.opts.keeping == inFiles, Limits: c.opts.limits,
		},
		Store: h.store, Conn: conn, UDP: c.transport(h), Observer: c.opts.observer,
		Logger: c.opts.logger.With("host", h.id),
	})
	if err != nil {
		return errors.Join(fmt.Errorf("host %d: %w", h.id, err), h.closeStore())
	}
	h.serve(s)
	return nil
}

// host returns a host by its id. It panics where there is no such host.
func (c *Cluster) host(id delegation.HostID) *host {
	if id < 1 || int(id) > len(c.hosts) {
		panic(fmt.Sprintf("cluster: no host %d; there are hosts 1 to %d", id, len(c.hosts)))
	}
	return c.hosts[id-1]
}

// Addrs returns the addresses of all hosts, running or not, by id.
func (c *Cluster) Addrs() []string {
	list := make([]string, len(c.members))
	for i, m := range c.members {
		list[i] = m.Address
	}
	return list
}

// Wait waits until every running host serves. It fails where one has stopped by
// itself, or ctx ends.
func (c *Cluster) Wait(ctx context.Context) error {
	c.mu.Lock()
	running := make([]*process, 0, len(c.hosts))
	for _, h := range c.hosts {
		if h.process != nil {
			running = append(running, h.process)
		}
	}
	c.mu.Unlock()
	for _, p := range running {
		select {
		case <-p.server.Ready():
		case <-p.ended:
			if p.err != nil {
				return p.err
			}
		case <-ctx.Done():
			return fmt.Errorf("wait until the hosts serve: %w", context.Cause(ctx))
		}
	}
	return nil
}

// Kill ends a host as SIGKILL does, as far as that can be within a process: what
// was not committed is lost, what was not sent is not sent. It does nothing to a
// host that is not running.
func (c *Cluster) Kill(id delegation.HostID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := c.host(id)
	if h.process != nil {
		h.kill()
	}
}

// Restart starts a host that was killed or has stopped, on what it has kept and
// at its old address. It does not wait until the host serves. A host that kept
// nothing ([Volatile]) starts and then halts, since the others know its earlier
// life; see [Cluster.Err].
func (c *Cluster) Restart(id delegation.HostID) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := c.host(id)
	if h.process != nil {
		select {
		case <-h.process.ended:
			h.kill()
		default:
			return fmt.Errorf("restart host %d: %w", id, ErrRunning)
		}
	}
	return c.run(h, nil)
}

// Err returns the error with which a host stopped by itself, nil while it runs
// and after Kill.
func (c *Cluster) Err(id delegation.HostID) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.host(id).process
	if p == nil {
		return nil
	}
	select {
	case <-p.ended:
		return p.err
	default:
		return nil
	}
}

// Stats returns the counters of a running host.
func (c *Cluster) Stats(id delegation.HostID) (server.Stats, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.host(id).process
	if p == nil {
		return server.Stats{}, fmt.Errorf("counters of host %d: %w", id, ErrNotRunning)
	}
	return p.server.Stats(), nil
}

// Faults returns the bad network that a host sends through, to change or cut;
// nil without the option [Faults].
func (c *Cluster) Faults(id delegation.HostID) *udp.Faults { return c.host(id).faults }

// Stop ends all hosts cleanly, and removes what New put into a temporary
// directory. It returns the errors with which hosts had stopped by themselves.
func (c *Cluster) Stop() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var errs []error
	for _, h := range c.hosts {
		if h.process != nil {
			errs = append(errs, h.stop())
		}
	}
	if c.temp != "" {
		errs = append(errs, os.RemoveAll(c.temp))
	}
	return errors.Join(errs...)
}
