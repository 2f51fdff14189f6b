package explorer

import (
	"ironkv/delegation"
	"ironkv/tests/world"
)

// Scopes are those that every run of the tests explores to the end.
var Scopes = []Scope{
	{
		Name: "crash", Hosts: 2, Stored: []delegation.Key{keyA, keyB}, Crashes: 1,
		Clients: [][]world.Op{
			{put(keyA, "x"), get(keyA)},
			{put(keyB, "y")},
			{shard(both, 1, 2)},
		},
	},
	{
		Name: "crashes", Hosts: 2, Crashes: AnyNumber,
		Clients: [][]world.Op{
			{put(keyA, "x")},
			{shard(both, 1, 2)},
		},
	},
	{
		Name: "chase", Hosts: 3, Stored: []delegation.Key{keyA, keyB},
		Clients: [][]world.Op{
			{put(keyA, "x")},
			{shard(both, 1, 2)},
			{shard(both, 2, 3)},
		},
	},
	{
		Name: "return", Hosts: 2, Stored: []delegation.Key{keyA},
		Clients: [][]world.Op{
			{put(keyA, "x"), remove(keyA)},
			{shard(both, 1, 2), shard(both, 2, 1)},
		},
	},
	{
		Name: "waits", Hosts: 2, Stored: []delegation.Key{keyA}, Waits: 3,
		Clients: [][]world.Op{
			{put(keyA, "x")},
			{shard(both, 1, 2)},
		},
	},
	{
		Name: "retransmits", Hosts: 2, Stored: []delegation.Key{keyA}, Waits: 6,
		Clients: [][]world.Op{
			{shard(both, 1, 2)},
		},
	},
	{
		Name: "full", Hosts: 2, Stored: []delegation.Key{keyA}, Rooms: AnyNumber,
		Clients: [][]world.Op{
			{put(keyA, "x"), remove(keyA)},
			{shard(both, 1, 2)},
		},
	},
}

// Deep are larger ones, for the long run (make explore-deep).
var Deep = []Scope{
	{
		Name: "crashes-busy", Hosts: 2, Stored: []delegation.Key{keyA, keyB}, Crashes: AnyNumber,
		Clients: [][]world.Op{
			{put(keyA, "x")},
			{put(keyB, "y")},
			{shard(both, 1, 2)},
		},
	},
	{
		Name: "return-crash", Hosts: 2, Stored: []delegation.Key{keyA, keyB}, Crashes: 1,
		Clients: [][]world.Op{
			{put(keyA, "x"), remove(keyA)},
			{shard(both, 1, 2), shard(both, 2, 1)},
		},
	},
	{
		Name: "return-crashes", Hosts: 2, Stored: []delegation.Key{keyA}, Crashes: AnyNumber,
		Clients: [][]world.Op{
			{put(keyA, "x"), remove(keyA)},
			{shard(both, 1, 2), shard(both, 2, 1)},
		},
	},
	{
		Name: "chase-crash", Hosts: 3, Stored: []delegation.Key{keyA, keyB}, Crashes: 1,
		Clients: [][]world.Op{
			{put(keyA, "x")},
			{shard(both, 1, 2)},
			{shard(both, 2, 3)},
		},
	},
	{
		Name: "chase-busy", Hosts: 3, Stored: []delegation.Key{keyA, keyB},
		Clients: [][]world.Op{
			{put(keyA, "x"), get(keyA)},
			{put(keyB, "y")},
			{shard(both, 1, 2)},
			{shard(both, 2, 3)},
		},
	},
	{
		Name: "opposite", Hosts: 3, Stored: []delegation.Key{keyA, keyB},
		Clients: [][]world.Op{
			{put(keyA, "x")},
			{shard(both, 1, 2), shard(both, 2, 3)},
			{shard(both, 2, 1)},
		},
	},
	{
		Name: "opposite-crash", Hosts: 3, Stored: []delegation.Key{keyA}, Crashes: 1,
		Clients: [][]world.Op{
			{put(keyA, "x")},
			{shard(both, 1, 2), shard(both, 2, 3)},
			{shard(both, 2, 1)},
		},
	},
	{
		Name: "gives-up", Hosts: 2, Stored: []delegation.Key{keyA, keyB}, GivesUp: 1, Crashes: AnyNumber,
		Clients: [][]world.Op{
			{put(keyA, "x"), put(keyA, "y")},
			{shard(both, 1, 2)},
		},
	},
	{
		Name: "orders", Hosts: 2, Stored: []delegation.Key{keyA, keyB}, Crashes: AnyNumber,
		Clients: [][]world.Op{
			{put(keyA, "x")},
			{shard(both, 1, 2)},
			{order(world.OpPause), order(world.OpResume), order(world.OpCancel)},
		},
	},
	{
		Name: "pages", Hosts: 2, Stored: []delegation.Key{keyA, keyB}, Crashes: AnyNumber,
		Clients: [][]world.Op{
			{put(keyA, "x"), remove(keyA)},
			{scan(both)},
			{shard(onlyA, 1, 2)},
		},
	},
	{
		Name: "conditions", Hosts: 2, Stored: []delegation.Key{keyA}, Crashes: AnyNumber,
		Clients: [][]world.Op{
			{putIf(keyA, "x", 1)},
			{putIf(keyA, "y", 1)},
			{shard(both, 1, 2)},
		},
	},
	{
		Name: "waits-crashes", Hosts: 2, Stored: []delegation.Key{keyA}, Waits: 2, Crashes: AnyNumber,
		Clients: [][]world.Op{
			{put(keyA, "x")},
			{shard(both, 1, 2)},
		},
	},
	{
		Name: "mixed", Hosts: 2, Stored: []delegation.Key{keyA}, Waits: 1, Rooms: 1, Crashes: 1,
		Clients: [][]world.Op{
			{put(keyA, "x")},
			{shard(both, 1, 2)},
		},
	},
	{
		Name: "mixed-gives-up", Hosts: 2, Stored: []delegation.Key{keyA}, Waits: 1, Rooms: 1, Crashes: 1, GivesUp: 1,
		Clients: [][]world.Op{
			{put(keyA, "x"), put(keyA, "y")},
			{shard(both, 1, 2)},
		},
	},
	{
		Name: "around", Hosts: 2,
		Clients: [][]world.Op{
			{put(keyA, "x")},
			{shard(onlyA, 1, 2), shard(onlyA, 2, 1), shard(onlyA, 1, 2), shard(onlyA, 2, 1), shard(onlyA, 1, 2)},
		},
	},
	{
		Name: "around-crash", Hosts: 2, Crashes: 1,
		Clients: [][]world.Op{
			{put(keyA, "x")},
			{shard(onlyA, 1, 2), shard(onlyA, 2, 1), shard(onlyA, 1, 2), shard(onlyA, 2, 1)},
		},
	},
	{
		Name: "around-crashes", Hosts: 2, Crashes: AnyNumber,
		Clients: [][]world.Op{
			{put(keyA, "x")},
			{shard(onlyA, 1, 2), shard(onlyA, 2, 1)},
		},
	},
	{
		Name: "chase-crashes", Hosts: 3, Stored: []delegation.Key{keyA}, Crashes: 2,
		Clients: [][]world.Op{
			{put(keyA, "x")},
			{shard(both, 1, 2)},
			{shard(both, 2, 3)},
		},
	},
	{
		Name: "chase-busy-crash", Hosts: 3, Stored: []delegation.Key{keyA, keyB}, Crashes: 1,
		Clients: [][]world.Op{
			{put(keyA, "x"), get(keyA)},
			{put(keyB, "y")},
			{shard(both, 1, 2)},
			{shard(both, 2, 3)},
		},
	},
	{
		Name: "chase-more-crashes", Hosts: 3, Stored: []delegation.Key{keyA}, Crashes: 3,
		Clients: [][]world.Op{
			{put(keyA, "x")},
			{shard(both, 1, 2)},
			{shard(both, 2, 3)},
		},
	},
	{
		Name: "around-more-crashes", Hosts: 2, Crashes: AnyNumber,
		Clients: [][]world.Op{
			{put(keyA, "x")},
			{shard(onlyA, 1, 2), shard(onlyA, 2, 1), shard(onlyA, 1, 2)},
		},
	},
	{
		Name: "opposite-keys", Hosts: 3, Stored: []delegation.Key{keyA, keyB}, Crashes: 1,
		Clients: [][]world.Op{
			{put(keyA, "x")},
			{shard(both, 1, 2), shard(both, 2, 3)},
			{shard(both, 2, 1)},
		},
	},
	{
		Name: "chase-waits", Hosts: 3, Stored: []delegation.Key{keyA}, Waits: 1,
		Clients: [][]world.Op{
			{put(keyA, "x")},
			{shard(both, 1, 2)},
			{shard(both, 2, 3)},
		},
	},
}
