package explorer

import (
	"fmt"

	"ironkv/delegation"
	"ironkv/ghost/protocol"
	"ironkv/kv/store"
	"ironkv/marshal"
	"ironkv/tests/world"
)

// A Scope is a small cluster and what may happen to it.
type Scope struct {
	Name string
	// Hosts is their number; host 1 owns every key in the beginning.
	Hosts int
	// Stored are keys that have a value in the beginning.
	Stored []delegation.Key
	// Clients holds, for each client, what it asks for, one after the other.
	Clients [][]world.Op
	// Crashes is how many crashes there may be, of any hosts at any moments, or
	// AnyNumber; a host that crashed restarts from what it stored.
	Crashes int
	// GivesUp is how many requests may be given up, of any clients at any moments.
	GivesUp int
	// Waits is how often the clock of a host may jump to its next deadline.
	Waits int
	// Rooms is how often a host may be told of another room of its disk, at any
	// moment, or AnyNumber: less than its reserve, none at all, or again enough.
	Rooms int
	// Wrap, if set, makes the hosts' stores faulty: to show that faults are found.
	Wrap func(Store) Store
	// Tamper, if set, changes what hosts send each other, for the same purpose.
	Tamper func(marshal.Message)
	// Whole searches also what is left out elsewhere because it cannot be told
	// apart: to show that it cannot.
	Whole bool
	// Exact tells hosts apart by more than what matters while time stands still: to
	// show that it does not matter.
	Exact bool
	// Workers is the number of goroutines, 0 for one; MaxStates the bound beyond
	// which the search fails, 0 for search.DefaultMaxStates.
	Workers, MaxStates int
	// told, if set, is told each action of P that a step of a host was.
	told func(protocol.Action, protocol.Outcome)
}

// String says what the scope is made of.
func (s Scope) String() string {
	requests := 0
	for _, c := range s.Clients {
		requests += len(c)
	}
	text := fmt.Sprintf("hosts: %d, keys stored: %d, clients: %d, their requests: %d", s.Hosts, len(s.Stored), len(s.Clients), requests)
	for _, f := range []struct {
		n    int
		what string
	}{{s.Crashes, "crashes"}, {s.GivesUp, "requests given up"}, {s.Waits, "jumps of clocks"}, {s.Rooms, "changes of a disk's room"}} {
		switch {
		case f.n == AnyNumber:
			text += ", " + f.what + ": any number"
		case f.n > 0:
			text += fmt.Sprintf(", %s: %d", f.what, f.n)
		}
	}
	return text
}

// AnyNumber is how often something may happen that may happen without end. What a
// crash leaves, and what a host is told, is one of finitely many states.
const AnyNumber = -1

// A Store is one that can crash and be copied.
type Store interface {
	world.Store
	// Copy returns a store with the same content that goes on by itself.
	Copy() Store
}

type memory struct{ *store.Memory }

func newMemory() Store { return memory{store.NewMemory(store.MemoryOptions{Records: true})} }

func (m memory) Copy() Store { return memory{m.Clone()} }

func put(key delegation.Key, value string) world.Op {
	return world.Op{Kind: world.OpPut, Key: key, Value: []byte(value)}
}

// putIf puts if the key is at the version; the first that is stored has version 1.
func putIf(key delegation.Key, value string, v marshal.Version) world.Op {
	op := put(key, value)
	op.Condition = marshal.Condition{Set: true, Version: v}
	return op
}

func scan(r delegation.Range) world.Op { return world.Op{Kind: world.OpScan, Range: r} }

func get(key delegation.Key) world.Op { return world.Op{Kind: world.OpGet, Key: key} }

func remove(key delegation.Key) world.Op { return world.Op{Kind: world.OpDelete, Key: key} }

// shard orders without a bound on the rate: time stands still, so a move that
// yields to clients would wait for ever.
func shard(r delegation.Range, at, to delegation.HostID) world.Op {
	return world.Op{Kind: world.OpShard, Range: r, At: at, Recipient: to, Rate: marshal.RateUnlimited}
}

// order is one for the first move of host 1.
func order(kind world.OpKind) world.Op {
	return world.Op{Kind: kind, At: 1, Move: marshal.MoveID{Host: 1, Number: 1}}
}

// The keys of the scopes, and the ranges of one and of both.
const (
	keyA = delegation.Key("a")
	keyB = delegation.Key("b")
)

var (
	onlyA = delegation.Range{From: delegation.At("a"), Until: delegation.At("b")}
	both  = delegation.Range{From: delegation.At("a"), Until: delegation.At("c")}
)
