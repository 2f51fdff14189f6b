package client

import (
	"log/slog"
	"time"

	"ironkv/marshal"
	"ironkv/udp"
)

// DefaultTimeout is how long a call whose context has no deadline may take.
const DefaultTimeout = 5 * time.Second

// An Option changes what [Dial] makes.
type Option func(*options)

type options struct {
	timeout  time.Duration
	logger   *slog.Logger
	observer Observer
	datagram int
	faults   *udp.Faults
	noPoll   bool
}

// WithTimeout bounds calls whose context has no deadline, instead of
// [DefaultTimeout]; Dial among them, which refuses a timeout of 0 or less
// ([ErrConfig]). A scan is bounded page by page.
func WithTimeout(d time.Duration) Option { return func(o *options) { o.timeout = d } }

// WithLogger gives the client a logger; without one it logs nothing. It logs
// sessions that were lost and hosts that came back as another life.
func WithLogger(l *slog.Logger) Option { return func(o *options) { o.logger = l } }

// WithObserver gives the client hooks.
func WithObserver(h Observer) Option { return func(o *options) { o.observer = h } }

// WithDatagram bounds the datagrams that the client sends, in bytes; without it
// the route's MTU does.
func WithDatagram(bytes int) Option { return func(o *options) { o.datagram = bytes } }

// WithFaults lets what the client sends suffer the faults of a link, for tests.
func WithFaults(f *udp.Faults) Option { return func(o *options) { o.faults = f } }

// WithoutPolling has callers always sleep until an answer comes. Else the one who reads the socket
// looks at it again and again for up to 50 µs before, while thousands of answers come in a second
// and that brings more of them, as it does on a machine that has processors to spare; the client
// then uses one of them all the while.
func WithoutPolling() Option { return func(o *options) { o.noPoll = true } }

// An Observer is told what happens to requests beneath the calls. Any hook may
// be nil. Hooks are called by whichever goroutine reads the socket, one at a
// time and under the client's lock: they must be quick and must not call the
// client.
type Observer struct {
	// Repeated says that a request was sent again, since no answer came in time.
	Repeated func(host HostID)
	// Redirected says that host from sent a request on to host to.
	Redirected func(from, to HostID)
	// Refused says that a host gave no answer, and why.
	Refused func(host HostID, reason marshal.RefusalReason)
	// Opened says that a session was opened at host.
	Opened func(host HostID)
}
