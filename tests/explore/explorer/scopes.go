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
		Name: "chase", Hosts: 3, Stored: []delegation.Key{keyA, keyB},
		Clients: [][]world.Op{
			{put(keyA, "x")},
			{shard(both, 1, 2)},
			{shard(both, 2, 3)},
		},
	},
}
