package server

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"syscall"

	"ironkv/kv"
	"ironkv/kv/store"
	"ironkv/marshal"
	"ironkv/udp"
)

// Errors of a server, for errors.Is. A bad configuration is kv.ErrConfig.
var (
	// ErrInsecure says that an address is reachable from other machines, which
	// could then forge hosts and clients, and Config.Insecure is not set.
	ErrInsecure = errors.New("not a loopback address")
	// ErrAddressInUse says that another process has the address.
	ErrAddressInUse = errors.New("address in use")
	// ErrHalted says that the machine may not go on; the error names the remedy.
	ErrHalted = errors.New("halted")
	// ErrSync says that a batch did not become durable.
	ErrSync = errors.New("the store did not sync; restart the host, which goes on from what is on disk")
	// ErrClosed says that the server was closed.
	ErrClosed = errors.New("server closed")
)

// Config says how a host is served.
type Config struct {
	kv.Config
	// Store is the host's memory. The server uses it from Listen until Serve
	// returns, and does not close it.
	Store store.Store
	// Listen is where to listen, where that is not the host's own address among
	// Members: a wildcard address; with Insecure any other, from which something
	// has to forward what reaches the host's own address, and back.
	Listen netip.AddrPort
	// Conn is a socket to use instead of opening one; the server closes it.
	Conn *udp.Conn
	// Insecure allows addresses that are not loopback.
	Insecure bool
	// UDP adjusts the transport, faults included. MaxMessage is the server's to set.
	UDP udp.Config
	// Observer, where set, is called once, by Listen, with the state from which
	// the host goes on (Step 0 for a new one; to be read during the call only),
	// and returns who is told of every step.
	Observer func(*kv.State) (Observer, error)
	// Logger takes a few lines about starting, waiting and stopping, none per request.
	Logger *slog.Logger
}

// A Server is one host on one socket.
type Server struct {
	loop *loop
	conn *udp.Conn
	addr netip.AddrPort
}

// Listen opens the socket and brings the host up to where it can be served: it
// loads the state, or makes a new one. It fails with an error that is
// [ErrInsecure], [ErrAddressInUse], kv.ErrConfig, or one of the store's.
func Listen(cfg Config) (*Server, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	addr, members, err := cfg.resolve()
	if err != nil {
		return nil, err
	}
	conn := cfg.Conn
	if conn == nil {
		if conn, err = listenUDP(addr, cfg); err != nil {
			return nil, err
		}
	}
	for id, peer := range members.addresses {
		if id != cfg.Me {
			conn.Classify(peer, udp.Peer)
			conn.SetDatagram(peer, udp.PathMTU(peer))
		}
	}
	s, err := start(cfg, members, conn)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return s, nil
}

// Check reports what Listen would refuse before it touches anything: with
// kv.ErrConfig or [ErrInsecure].
func (cfg Config) Check() error {
	_, _, err := cfg.resolve()
	return err
}

// resolve checks the configuration and finds out who is where.
func (cfg Config) resolve() (listen netip.AddrPort, m members, err error) {
	if err := cfg.Config.Check(); err != nil {
		return listen, m, err
	}
	if m, err = newMembers(cfg.Members); err != nil {
		return listen, m, err
	}
	own := m.addressOf(cfg.Me)
	listen = own
	if cfg.Listen.IsValid() {
		listen = cfg.Listen
	}
	if listen != own && !listen.Addr().IsUnspecified() && !cfg.Insecure {
		return listen, m, fmt.Errorf("%w: %s is not the address of host %d, %s, by which the others know it",
			kv.ErrConfig, listen, cfg.Me, own)
	}
	if !cfg.Insecure {
		err = m.checkLoopback(listen)
	}
	return listen, m, err
}

// Transport returns the transport's configuration for a host with these limits.
func Transport(c udp.Config, limits kv.Limits) udp.Config {
	c.MaxMessage = marshal.MaxMessageBytes
	c.Guard = true
	c.Origin = originOf
	// Each session's client keeps its place, however many others there are.
	c.MaxClients = max(c.MaxClients, limits.Sessions, kv.DefaultSessions)
	return c
}

func listenUDP(addr netip.AddrPort, cfg Config) (*udp.Conn, error) {
	conn, err := udp.Listen(addr, Transport(cfg.UDP, cfg.Limits))
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%w: %s; is this host running already? Otherwise choose another port in the list of hosts: %w",
			ErrAddressInUse, addr, err)
	}
	return conn, err
}

// start makes the machine and the loop around it.
func start(cfg Config, members members, conn *udp.Conn) (*Server, error) {
	state, err := cfg.Store.Load()
	if err != nil {
		return nil, fmt.Errorf("load the state: %w", err)
	}
	fresh := state == nil
	if fresh {
		state = kv.NewState(cfg.Config, newBirth())
	}
	observer := Observer(nobody{})
	if cfg.Observer != nil {
		if observer, err = cfg.Observer(state); err != nil {
			return nil, fmt.Errorf("open the journal: %w", err)
		}
	}
	host, err := kv.New(cfg.Config, state, cfg.Store)
	if err != nil {
		return nil, err
	}
	l := newLoop(cfg.Me, host, cfg.Store, conn, members)
	l.observer, l.pipeline.observer = observer, observer
	l.report = newReporter(cfg.Logger, "id", cfg.Me, "address", conn.LocalAddr())
	l.report.reserve = cmp.Or(cfg.Limits.ReserveBytes, kv.DefaultReserveBytes)
	for _, v := range slices.SortedFunc(maps.Values(state.Sessions), bySerial) {
		l.pipeline.welcome(v.Client)
		l.inbox.prove(v.Client)
	}
	l.inbox.sessions = func(yield func(netip.AddrPort) bool) {
		for _, v := range host.State().Sessions {
			if !yield(v.Client) {
				return
			}
		}
	}
	if fresh {
		if err := commitNow(cfg.Store, host.Counters()); err != nil {
			return nil, fmt.Errorf("commit the first records: %w", err)
		}
	}
	cfg.Logger.Info("starting", "id", cfg.Me, "address", conn.LocalAddr(), "hosts", len(cfg.Members),
		"durable", cfg.Durable, "new", fresh, "incarnation", fmt.Sprintf("%016x", uint64(state.Incarnation)),
		"step", state.Step, "joined", host.Serving())
	return &Server{loop: l, conn: conn, addr: conn.LocalAddr()}, nil
}

func bySerial(a, b *kv.Session) int { return cmp.Compare(a.Serial, b.Serial) }

func commitNow(s store.Store, c kv.Counters) error {
	pending, err := s.Commit(c)
	if err != nil || pending == nil {
		return err
	}
	return pending.Wait()
}

// newBirth draws what makes a new state unlike all others.
func newBirth() kv.Birth {
	var b kv.Birth
	var incarnation [8]byte
	for b.Incarnation == 0 {
		// Package rand says that these never fail.
		_, _ = rand.Read(incarnation[:])
		b.Incarnation = marshal.Incarnation(binary.LittleEndian.Uint64(incarnation[:]))
	}
	_, _ = rand.Read(b.Secret[:])
	return b
}

// Serve runs the host until ctx ends, and returns nil then: what was received is
// answered first as far as it was stepped over. Any other error means that the
// host may not go on ([ErrHalted], [ErrSync], a failed commit), or that the
// server was closed ([ErrClosed]). Serve is called once; it closes the socket.
func (s *Server) Serve(ctx context.Context) error {
	log := s.loop.report.log
	defer context.AfterFunc(ctx, s.stop)()
	go s.loop.pipeline.run()
	err := s.loop.run()
	s.loop.pipeline.close()
	if err == nil {
		// A sync that failed while the rest was being sent.
		err = s.loop.pipeline.failure()
	}
	stats := s.Stats()
	closing := s.conn.Close()
	switch {
	case ctx.Err() == nil && err == nil:
		err = ErrClosed
	case ctx.Err() != nil && errors.Is(err, ErrClosed):
		err = nil
	}
	attrs := []any{
		"steps", stats.Steps, "batches", stats.Batches, "malformed", sum(stats.Malformed[:]), "shed", stats.Shed, "crowded", stats.Crowded,
		"unsent", stats.Backlog + stats.Unproven + stats.OtherUnsent,
		"guarded", stats.Transport.Guards, "datagrams_in", stats.Transport.DatagramsIn, "datagrams_out", stats.Transport.DatagramsOut,
	}
	switch {
	case errors.Is(err, ErrClosed):
		return err
	case err != nil:
		log.Error("stopped: the host may not go on", append(attrs, "error", err)...)
		return err
	}
	log.Info("stopped", attrs...)
	return closing
}

// stop makes the loop end after the turn it is in.
func (s *Server) stop() {
	s.loop.stopping.Store(true)
	s.conn.Wake()
}

// Close ends Serve as a crash would: what was not sent yet is not sent, and what
// was not committed is not committed. Use the context of Serve for a clean end.
func (s *Server) Close() error {
	s.loop.pipeline.muted.Store(true)
	s.stop()
	return s.conn.Close()
}

// Ready is closed once the host serves: at the first start when every other host
// has confirmed it, afterwards at once.
func (s *Server) Ready() <-chan struct{} { return s.loop.report.ready }

// Addr returns the address on which the server listens.
func (s *Server) Addr() netip.AddrPort { return s.addr }

// Stats returns the counters since the start.
func (s *Server) Stats() Stats {
	c, sends := s.loop.report.counts(), &s.loop.pipeline.sends
	return Stats{
		Steps: c.Steps, Batches: c.Batches, Malformed: c.Malformed, Shed: c.Shed, Crowded: c.Crowded, Drops: c.Drops,
		Backlog: sends.backlog.Load(), Unproven: sends.unproven.Load(), OtherUnsent: sends.other.Load(),
		Transport: s.conn.Stats(),
	}
}
