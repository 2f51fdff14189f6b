package cluster

import (
	"context"
	"fmt"

	"ironkv/delegation"
	"ironkv/kv/server"
	"ironkv/kv/store"
	"ironkv/udp"
)

// host is one host of a cluster over all its lives.
type host struct {
	id     delegation.HostID
	faults *udp.Faults
	// memory is kept over lives where the cluster keeps its state in memory.
	memory *store.Memory
	// store and process belong to the present life; process is nil between lives.
	store   store.Store
	process *process
}

// process is one life of a host, from start to end.
type process struct {
	server *server.Server
	cancel context.CancelFunc
	ended  chan struct{}
	err    error // of Serve; readable once ended is closed
}

// serve begins a life.
func (h *host) serve(s *server.Server) {
	ctx, cancel := context.WithCancel(context.Background())
	p := &process{server: s, cancel: cancel, ended: make(chan struct{})}
	h.process = p
	go func() {
		defer close(p.ended)
		if err := s.Serve(ctx); err != nil {
			p.err = fmt.Errorf("host %d: %w", h.id, err)
		}
	}()
}

// kill ends a life at once. Errors are what a killed process would have been
// spared, and are dropped: what its store has kept shows at the restart.
func (h *host) kill() {
	_ = h.process.server.Close()
	h.end()
	if h.memory != nil {
		h.memory.Crash()
	}
	_ = h.closeStore()
}

// stop ends a life in order.
func (h *host) stop() error {
	p := h.process
	p.cancel()
	h.end()
	if err := h.closeStore(); err != nil {
		return fmt.Errorf("host %d: close the store: %w", h.id, err)
	}
	return p.err
}

func (h *host) end() {
	<-h.process.ended
	h.process.cancel()
	h.process = nil
}

func (h *host) closeStore() error {
	s := h.store
	h.store = nil
	return s.Close()
}
