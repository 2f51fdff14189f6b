package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"ironkv/delegation"
	"ironkv/kv/client"
	"ironkv/kv/cluster"
)

// start returns a client of a cluster of three hosts in this process. A program
// of yours dials its own: client.Dial(ctx, []string{"127.0.0.1:7001"}).
func start(ctx context.Context) (*client.Client, func()) {
	hosts, err := cluster.New(ctx, 3)
	if err != nil {
		log.Fatal(err)
	}
	c, err := client.Dial(ctx, hosts.Addrs()[:1])
	if err != nil {
		log.Fatal(err)
	}
	return c, func() {
		if err := errors.Join(c.Close(), hosts.Stop()); err != nil {
			log.Fatal(err)
		}
	}
}

func Example() {
	ctx := context.Background()
	c, stop := start(ctx)
	defer stop()

	version, err := c.Put(ctx, []byte("apple"), []byte("red"))
	if err != nil {
		log.Fatal(err)
	}
	// Write only where nobody else has written since.
	if _, err := c.Put(ctx, []byte("apple"), []byte("green"), client.IfVersion(version)); err != nil {
		log.Fatal(err)
	}
	_, err = c.Put(ctx, []byte("apple"), []byte("blue"), client.IfVersion(version))
	fmt.Println("somebody was faster:", errors.Is(err, client.ErrConditionFailed))

	entry, err := c.Get(ctx, []byte("apple"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s is %s\n", entry.Key, entry.Value)

	_, err = c.Get(ctx, []byte("pear"))
	fmt.Println("no pear:", errors.Is(err, client.ErrNotFound))
	// Output:
	// somebody was faster: true
	// apple is green
	// no pear: true
}

func ExampleClient_Scan() {
	ctx := context.Background()
	c, stop := start(ctx)
	defer stop()

	for _, k := range []string{"fruit/apple", "fruit/pear", "fruit/plum", "nut/hazel"} {
		if _, err := c.Put(ctx, []byte(k), []byte("ripe")); err != nil {
			log.Fatal(err)
		}
	}
	for e, err := range c.Scan(ctx, delegation.Prefix([]byte("fruit/")), client.Limit(2)) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s: %s\n", e.Key, e.Value)
	}
	// Output:
	// fruit/apple: ripe
	// fruit/pear: ripe
}

func ExampleClient_Batch() {
	ctx := context.Background()
	c, stop := start(ctx)
	defer stop()

	b := c.Batch()
	b.Put([]byte("a"), []byte("1"))
	b.Put([]byte("b"), []byte("2"), client.IfAbsent())
	b.Get([]byte("never written"))
	for _, r := range b.Do(ctx) {
		fmt.Printf("%s: ok %v, not found %v\n", r.Entry.Key, r.Err == nil, errors.Is(r.Err, client.ErrNotFound))
	}
	// Output:
	// a: ok true, not found false
	// b: ok true, not found false
	// never written: ok false, not found true
}

func ExampleBatch_Go() {
	ctx := context.Background()
	c, stop := start(ctx)
	defer stop()

	b := c.Batch()
	b.Put([]byte("a"), []byte("1"))
	b.Put([]byte("b"), []byte("2"))
	writing := b.Go(ctx)
	fmt.Println("something else meanwhile")
	for _, r := range <-writing {
		fmt.Printf("%s: %v\n", r.Entry.Key, r.Err)
	}
	// Output:
	// something else meanwhile
	// a: <nil>
	// b: <nil>
}

func ExampleClient_MoveShard() {
	ctx := context.Background()
	c, stop := start(ctx)
	defer stop()

	fruit := delegation.Prefix([]byte("fruit/"))
	moves, err := c.MoveShard(ctx, fruit, 2)
	if err != nil {
		log.Fatal(err)
	}
	for _, id := range moves {
		m, err := c.WaitMove(ctx, id, nil)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("move %v to host %d: %v\n", m.ID, m.To, m.Phase)
	}
	report, err := c.Audit(ctx)
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range report.Shards {
		fmt.Printf("%v is host %d's\n", s.Range, s.Owner)
	}
	// Output:
	// move 1-1 to host 2: done
	// [-inf, "fruit/") is host 1's
	// ["fruit/", "fruit0") is host 2's
	// ["fruit0", +inf) is host 1's
}
