package cluster_test

import (
	"context"
	"fmt"
	"log"

	"ironkv/delegation"
	"ironkv/kv/client"
	"ironkv/kv/cluster"
)

// A cluster of three hosts in this process: write, move the key to another host,
// read.
func Example() {
	ctx := context.Background()
	c, err := cluster.New(ctx, 3)
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = c.Stop() }()

	db, err := client.Dial(ctx, c.Addrs())
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = db.Close() }()

	if _, err := db.Put(ctx, []byte("apple"), []byte("red")); err != nil {
		log.Fatal(err)
	}
	ids, err := db.MoveShard(ctx, delegation.All, 2)
	if err != nil {
		log.Fatal(err)
	}
	for _, id := range ids {
		if _, err := db.WaitMove(ctx, id, nil); err != nil {
			log.Fatal(err)
		}
	}
	e, err := db.Get(ctx, []byte("apple"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s = %s\n", e.Key, e.Value)
	// Output: apple = red
}
