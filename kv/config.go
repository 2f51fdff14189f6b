package kv

import (
	"errors"
	"fmt"

	"ironkv/delegation"
	"ironkv/marshal"
)

// ErrConfig says that a configuration contradicts itself or a stored state.
var ErrConfig = errors.New("invalid configuration")

// Config is what a host is told when it starts.
type Config struct {
	Me   delegation.HostID
	Root delegation.HostID
	// Members are all hosts of the cluster, this one included, by ascending id.
	Members []marshal.Member
	// Software is the program's version, for StatusReply.
	Software string
	// Durable says that the store outlives the process.
	Durable bool
	Limits  Limits
}

// Limits are a host's bounds. Zero fields take the defaults below.
type Limits struct {
	// ChunkBytes is the soft size of a move's chunk ([marshal.Entry.Size]).
	ChunkBytes int
	// InFlightBytes bounds the unacknowledged delegates to one peer; at least two chunks fly.
	InFlightBytes int
	// Moves is the greatest number of unfinished moves of a host, EndedMoves how
	// many ended ones it remembers.
	Moves, EndedMoves int
	// Sessions is the greatest number of sessions, SessionsPerClient from one address
	// and port. One origin, an IPv4 address or the /64 of an IPv6 one, may have three
	// times as many as are left: three quarters, less when others have many too; and of the
	// last quarter one, and no more than a 256th of what is left of it.
	Sessions, SessionsPerClient int
	// SessionIdle is how long a session without a request is kept.
	SessionIdle Time
	// Window is how far above a session's floor its numbers may lie; at most
	// [DefaultWindow], since stores keep that many places.
	Window uint32
	// Answers bounds the recorded answers over all sessions, and an origin's as
	// Sessions does; beyond it, a session that leaves more than a few of its answers
	// unconfirmed is refused more. AnswerBytes is how long a recorded one may be.
	Answers, AnswerBytes int
	// Holds is the greatest number of held requests, HoldsPerSession of one
	// session, HoldTime how long one is held.
	Holds, HoldsPerSession int
	HoldTime               Time
	// HoldBytes bounds the memory of the held requests.
	HoldBytes int
	// Cuts is how many audit cuts are kept, CutTime for how long. Who has most of them makes
	// room for a new one.
	Cuts    int
	CutTime Time
	// PageEntries and PageBytes bound a page of a scan, CountEntries one that only counts;
	// PageBytes also a page of an audit's cut.
	PageEntries, CountEntries int
	PageBytes                 int
	// ReserveBytes of room are kept for receiving what was promised, for giving
	// away, and for recording answers: below it the answer to a client's write is
	// that there is no room, and below half of it a write gets none.
	ReserveBytes uint64
}

// Defaults of Limits, and the machine's own timers.
const (
	DefaultChunkBytes        = 128 << 10
	DefaultInFlightBytes     = 512 << 10
	DefaultMoves             = 64
	DefaultEndedMoves        = 64
	DefaultSessions          = 64 << 10
	DefaultSessionsPerClient = 64
	DefaultSessionIdle       = 10 * 60 * Second
	DefaultWindow            = 4096
	DefaultAnswers           = 1 << 17
	DefaultAnswerBytes       = 256
	DefaultHolds             = 4096
	DefaultHoldsPerSession   = 1024
	DefaultHoldTime          = 2 * Second
	DefaultHoldBytes         = 64 << 20
	DefaultCuts              = 4
	DefaultCutTime           = 10 * Second
	DefaultPageEntries       = 1024
	DefaultCountEntries      = 8192
	DefaultPageBytes         = 256 << 10
	DefaultReserveBytes      = 64 << 20

	// greetInterval is between greetings to a peer that does not answer.
	greetInterval = 500 * Millisecond
	// silence is after how long without progress unacknowledged delegates are
	// sent again; udp repeats the datagrams of each long before.
	silence = 5 * Second
	// gapRepeat is the shortest time between repetitions that a gap asked for.
	gapRepeat = 20 * Millisecond
	// heardWithin is how fresh a peer's word about its room has to be.
	heardWithin = 2 * Second
	// yieldChunkBytes bounds a chunk while clients are served: no request waits
	// longer than it takes to cut it, or to take it in.
	yieldChunkBytes = 64 << 10
	// yieldPause is the least pause between two chunks of moves while clients are
	// served, and yieldShare how many times as long as a chunk took it is. A chunk
	// that took longer than maxYield counts as that long: the host was not running.
	yieldPause = Millisecond / 10
	yieldShare = 3
	maxYield   = 20 * Millisecond
	// cookieLife is how long a cookie is good for, at the least.
	cookieLife = 30 * Second
	// answersPerSession may always be outstanding, also beyond Limits.Answers.
	answersPerSession = 4
	// flyingDelegates bounds the unacknowledged delegates to one peer.
	flyingDelegates = 64
	// proposeInterval is between proposals of a move that is not answered.
	proposeInterval = 500 * Millisecond
	// holdAhead is how far above the highest received number a hint may lie.
	holdAhead = 1 << 16
)

func (l Limits) withDefaults() Limits {
	def(&l.ChunkBytes, DefaultChunkBytes)
	def(&l.InFlightBytes, max(DefaultInFlightBytes, 2*l.ChunkBytes))
	def(&l.Moves, DefaultMoves)
	def(&l.EndedMoves, DefaultEndedMoves)
	def(&l.Sessions, DefaultSessions)
	def(&l.SessionsPerClient, DefaultSessionsPerClient)
	def(&l.SessionIdle, DefaultSessionIdle)
	def(&l.Window, DefaultWindow)
	def(&l.Answers, DefaultAnswers)
	def(&l.AnswerBytes, DefaultAnswerBytes)
	def(&l.Holds, DefaultHolds)
	def(&l.HoldsPerSession, DefaultHoldsPerSession)
	def(&l.HoldTime, DefaultHoldTime)
	def(&l.HoldBytes, DefaultHoldBytes)
	def(&l.Cuts, DefaultCuts)
	def(&l.CutTime, DefaultCutTime)
	def(&l.PageEntries, DefaultPageEntries)
	def(&l.CountEntries, DefaultCountEntries)
	def(&l.PageBytes, DefaultPageBytes)
	def(&l.ReserveBytes, DefaultReserveBytes)
	return l
}

func def[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Check reports what is wrong with the configuration, wrapping [ErrConfig].
func (c Config) Check() error {
	me, root := false, false
	for i, m := range c.Members {
		if m.ID == 0 {
			return fmt.Errorf("%w: a host's id is 1 or more", ErrConfig)
		}
		if i > 0 && c.Members[i-1].ID >= m.ID {
			return fmt.Errorf("%w: host %d stands twice or out of order", ErrConfig, m.ID)
		}
		me = me || m.ID == c.Me
		root = root || m.ID == c.Root
	}
	switch {
	case len(c.Members) > marshal.MaxMembers:
		return fmt.Errorf("%w: %d hosts, at most %d", ErrConfig, len(c.Members), marshal.MaxMembers)
	case !me:
		return fmt.Errorf("%w: host %d is not in the cluster", ErrConfig, c.Me)
	case !root:
		return fmt.Errorf("%w: the root host %d is not in the cluster", ErrConfig, c.Root)
	case c.Limits.Window > DefaultWindow:
		return fmt.Errorf("%w: a window of %d, at most %d", ErrConfig, c.Limits.Window, DefaultWindow)
	case c.Limits.ChunkBytes < 0 || c.Limits.ChunkBytes > 1<<20:
		return fmt.Errorf("%w: a chunk of %d bytes, 0 to %d", ErrConfig, c.Limits.ChunkBytes, 1<<20)
	case c.Limits.PageBytes < 0 || c.Limits.PageBytes > 1<<20:
		return fmt.Errorf("%w: a page of %d bytes, 0 to %d", ErrConfig, c.Limits.PageBytes, 1<<20)
	}
	return nil
}
