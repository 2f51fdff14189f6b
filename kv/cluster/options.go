package cluster

import (
	"log/slog"

	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/kv/server"
	"ironkv/udp"
)

// An Option says how a cluster differs from the default.
type Option func(*options)

// keeping is where hosts keep their state.
type keeping uint8

const (
	inMemory keeping = iota
	inFiles
	nowhere
)

type options struct {
	keeping  keeping
	dir      string
	limits   kv.Limits
	root     delegation.HostID
	memory   uint64
	faulty   bool
	seed     uint64
	rates    udp.FaultRates
	udp      udp.Config
	logger   *slog.Logger
	observer func(*kv.State) (server.Observer, error)
}

// Disk keeps each host's state in a directory of its own below dir; "" is a
// temporary directory that Stop removes.
func Disk(dir string) Option {
	return func(o *options) { o.keeping, o.dir = inFiles, dir }
}

// Volatile keeps no state: a host that was killed cannot come back, as a kvd in
// memory mode cannot. It is what to measure memory mode with.
func Volatile() Option {
	return func(o *options) { o.keeping = nowhere }
}

// MemoryLimit bounds the entries that each host keeps in memory, in bytes. It is
// of no meaning with Disk.
func MemoryLimit(bytes uint64) Option {
	return func(o *options) { o.memory = bytes }
}

// Limits sets the hosts' limits; fields that are zero keep their defaults.
func Limits(l kv.Limits) Option {
	return func(o *options) { o.limits = l }
}

// Root names the host that owns every key in the beginning, instead of host 1.
func Root(id delegation.HostID) Option {
	return func(o *options) { o.root = id }
}

// Faults lets what the hosts send pass through a bad network: one for each host,
// each with its own seed drawn from this one. See [Cluster.Faults].
func Faults(seed uint64, rates udp.FaultRates) Option {
	return func(o *options) { o.faulty, o.seed, o.rates = true, seed, rates }
}

// Transport adjusts the hosts' transport.
func Transport(cfg udp.Config) Option {
	return func(o *options) { o.udp = cfg }
}

// Logger takes the hosts' logs; without it they are dropped.
func Logger(l *slog.Logger) Option {
	return func(o *options) { o.logger = l }
}

// Observer opens a host's observer each time that the host starts.
func Observer(open func(*kv.State) (server.Observer, error)) Option {
	return func(o *options) { o.observer = open }
}
