package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/pflag"

	"ironkv/kv"
)

// flags is what was said on the command line, before it is understood.
type flags struct {
	ids     []uint
	id      uint32 // the one of ids that these flags are for
	root    uint32
	cluster string
	listen  string
	data    string
	memory  bool
	journal string

	insecure    bool
	memoryLimit byteSize
	cache       byteSize

	logFormat string
	logLevel  string
	pprof     string

	limits limitFlags
}

// limitFlags are the limits of kv.Limits that a user could want to change.
type limitFlags struct {
	chunk, inFlight, reserve, holdBytes byteSize
	moves, sessions, sessionsPerClient  int
	holds                               int
	window                              uint32
	sessionIdle, holdTime               time.Duration
}

const mebibyte = 1 << 20

func (f *flags) register(s *pflag.FlagSet) {
	s.SortFlags = false
	s.UintSliceVar(&f.ids, "id", nil, "this host's `ID` in --cluster; ID,ID,... runs several hosts in this process, to use more cores")
	s.StringVar(&f.cluster, "cluster", "", "all hosts, as `ID=HOST:PORT,...`; HOST is an IP address or localhost")
	s.StringVar(&f.data, "data", "", "keep everything in `DIR`, which is made if need be; in DIR/ID where there are several hosts")
	s.BoolVar(&f.memory, "memory", false, "keep everything in memory, and lose it on exit")
	s.StringVar(&f.journal, "journal", "", "write a journal of every step into `DIR`, for kvctl verify, the same in each life of a host; it holds keys, values and secrets, and the host stops where it finds no room")
	s.Uint32Var(&f.root, "root", 0, "`ID` of the host that owns every key in the beginning (default the lowest id)")
	s.StringVar(&f.listen, "listen", "", "listen on `HOST:PORT`: this host's own address in --cluster (the default), or all addresses (0.0.0.0:PORT), or with --insecure another, where something forwards to it")
	s.BoolVar(&f.insecure, "insecure", false, "allow addresses that are not loopback: whoever reaches them can pose as a host")

	f.cache = 64 * mebibyte
	s.Var(&f.memoryLimit, "memory-limit", "with --memory, refuse puts when entries, and what memory they take beside keys and values, leave less than --reserve of `SIZE` (default no limit)")
	s.Var(&f.cache, "cache", "with --data, cache `SIZE` of the disk's blocks in memory")

	f.limits.register(s)

	s.StringVar(&f.logFormat, "log-format", "text", "log as `text|json`")
	s.StringVar(&f.logLevel, "log-level", "info", "log what is at least `debug|info|warn|error`")
	s.StringVar(&f.pprof, "pprof", "", "serve profiles on the loopback address `HOST:PORT`")
}

func (l *limitFlags) register(s *pflag.FlagSet) {
	*l = limitFlags{
		chunk: kv.DefaultChunkBytes, inFlight: kv.DefaultInFlightBytes, reserve: kv.DefaultReserveBytes,
		holdBytes: kv.DefaultHoldBytes, moves: kv.DefaultMoves, sessions: kv.DefaultSessions,
		sessionsPerClient: kv.DefaultSessionsPerClient, holds: kv.DefaultHolds, window: kv.DefaultWindow,
		sessionIdle: time.Duration(kv.DefaultSessionIdle), holdTime: time.Duration(kv.DefaultHoldTime),
	}
	s.Var(&l.chunk, "chunk", "move ranges in chunks of `SIZE`")
	s.Var(&l.inFlight, "in-flight", "keep at most `SIZE` of chunks under way to one host, or two chunks")
	s.IntVar(&l.moves, "moves", l.moves, "run at most `N` moves at a time")
	s.IntVar(&l.sessions, "sessions", l.sessions, "keep at most `N` client sessions")
	s.IntVar(&l.sessionsPerClient, "sessions-per-client", l.sessionsPerClient, "keep at most `N` sessions of one client address")
	s.DurationVar(&l.sessionIdle, "session-idle", l.sessionIdle, "close sessions idle for `DURATION`")
	s.Uint32Var(&l.window, "window", l.window, "allow `N` unanswered writes per session; a data directory keeps the greatest it was ever given")
	s.IntVar(&l.holds, "holds", l.holds, "hold at most `N` requests for ranges that are on their way here")
	s.DurationVar(&l.holdTime, "hold-time", l.holdTime, "hold a request for at most `DURATION`")
	s.Var(&l.holdBytes, "hold-bytes", "hold requests of at most `SIZE` together")
	s.Var(&l.reserve, "reserve", "refuse puts when the disk, or --memory-limit, has less than `SIZE` left, 8 MiB or more (a quarter of --memory-limit if that is less, but 8 MiB)")
}

// limits returns the limits as the machine takes them.
func (l *limitFlags) kvLimits() kv.Limits {
	return kv.Limits{
		ChunkBytes: int(l.chunk), InFlightBytes: int(l.inFlight), ReserveBytes: uint64(l.reserve),
		HoldBytes: int(l.holdBytes), Moves: l.moves, Sessions: l.sessions, SessionsPerClient: l.sessionsPerClient,
		Holds: l.holds, Window: l.window, SessionIdle: kv.Time(l.sessionIdle), HoldTime: kv.Time(l.holdTime),
	}
}

// check reports a limit that is out of the question; zero would mean the default.
func (l *limitFlags) check() error {
	for _, v := range []struct {
		name     string
		positive bool
	}{
		{"chunk", l.chunk > 0},
		{"in-flight", l.inFlight > 0},
		{"moves", l.moves > 0},
		{"sessions", l.sessions > 0},
		{"sessions-per-client", l.sessionsPerClient > 0},
		{"session-idle", l.sessionIdle >= time.Second},
		{"window", l.window > 0},
		{"holds", l.holds > 0},
		{"hold-time", l.holdTime > 0},
		{"hold-bytes", l.holdBytes > 0},
		{"reserve", l.reserve > 0},
	} {
		if !v.positive {
			return fmt.Errorf("--%s is too small", v.name)
		}
	}
	return nil
}

// environmentName is the twin of a flag in the environment.
func environmentName(flag string) string {
	return "KVD_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// fromEnvironment sets the flags that were not given from their twins.
func fromEnvironment(s *pflag.FlagSet, lookup func(string) (string, bool)) (err error) {
	s.VisitAll(func(f *pflag.Flag) {
		name := environmentName(f.Name)
		if value, ok := lookup(name); ok && !f.Changed && f.Name != "help" && f.Name != "version" {
			if e := s.Set(f.Name, value); e != nil && err == nil {
				err = fmt.Errorf("%s in the environment: %w", name, e)
			}
		}
	})
	return err
}

// byteSize is a flag's value like 128KiB, 1.5GB or 4096.
type byteSize uint64

func (b *byteSize) Set(s string) error {
	n, err := humanize.ParseBytes(s)
	if err != nil || n > 1<<62 {
		return fmt.Errorf("%q is no size; give bytes, or a number with KiB, MiB, GiB", s)
	}
	*b = byteSize(n)
	return nil
}

func (b *byteSize) String() string {
	if *b == 0 {
		return ""
	}
	return strings.ReplaceAll(humanize.IBytes(uint64(*b)), " ", "")
}

func (*byteSize) Type() string { return "size" }
