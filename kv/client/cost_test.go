package client_test

import (
	"context"
	"log/slog"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"ironkv/kv"
	"ironkv/kv/client"
	"ironkv/kv/cluster"
	"ironkv/kv/server"
	"ironkv/kv/store"
	"ironkv/marshal"
	"ironkv/udp"
)

// What a request costs, apart from time: datagrams, system calls, memory, syncs, of
// client and host. A machine that stands still for a moment makes a client ask again,
// which is not counted; else what counts is the median of many rounds.
const (
	costBatch  = 64 // operations that go together
	costRounds = 100
)

// A traffic is what one end of the wire has had to do with it.
type traffic struct{ datagramsOut, datagramsIn, sends, receives uint64 }

func trafficOf(s udp.Stats) traffic {
	return traffic{s.DatagramsOut, s.DatagramsIn, s.Sends, s.Receives}
}

func (t traffic) minus(o traffic) traffic {
	return traffic{t.datagramsOut - o.datagramsOut, t.datagramsIn - o.datagramsIn, t.sends - o.sends, t.receives - o.receives}
}

// typical is the median of each count.
func typical(rounds []traffic) traffic {
	median := func(count func(traffic) uint64) uint64 {
		var list []uint64
		for _, r := range rounds {
			list = append(list, count(r))
		}
		slices.Sort(list)
		return list[len(list)/2]
	}
	return traffic{
		median(func(t traffic) uint64 { return t.datagramsOut }), median(func(t traffic) uint64 { return t.datagramsIn }),
		median(func(t traffic) uint64 { return t.sends }), median(func(t traffic) uint64 { return t.receives }),
	}
}

func hostTraffic(t *testing.T, cl *cluster.Cluster) traffic {
	t.Helper()
	s, err := cl.Stats(1)
	if err != nil {
		t.Fatal(err)
	}
	return trafficOf(s.Transport)
}

// fillBatches makes a batch of puts and one of gets of the same keys.
func fillBatches(puts, gets *client.Batch) {
	puts.Reset()
	gets.Reset()
	for i := range costBatch {
		puts.Put(costKeys[i], costValue)
		gets.Get(costKeys[i])
	}
}

// counting counts what a client asks again.
func counting(repeats *atomic.Uint64) client.Option {
	return client.WithObserver(client.Observer{Repeated: func(client.HostID) { repeats.Add(1) }})
}

func doBatch(t *testing.T, b *client.Batch) {
	t.Helper()
	for _, r := range b.Do(t.Context()) {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
}

// A batch of the size that applications use is one datagram and one system call for
// each way at each end.
func TestCostOfABatch(t *testing.T) {
	cl := cluster.Start(t, 1, cluster.Volatile())
	var repeats atomic.Uint64
	db := dial(t, cl, counting(&repeats))
	puts, gets := db.Batch(), db.Batch()
	for name, b := range map[string]*client.Batch{"gets": gets, "puts": puts} {
		var atClient, atHost []traffic
		fillBatches(puts, gets)
		doBatch(t, puts) // that there is something to get, and a session
		for len(atClient) < costRounds {
			fillBatches(puts, gets)
			before := repeats.Load()
			c, h := trafficOf(db.NetworkStats()), hostTraffic(t, cl)
			doBatch(t, b)
			if repeats.Load() > before {
				continue
			}
			atClient = append(atClient, trafficOf(db.NetworkStats()).minus(c))
			atHost = append(atHost, hostTraffic(t, cl).minus(h))
		}
		one := traffic{1, 1, 1, 1}
		if c, h := typical(atClient), typical(atHost); c != one || h != one {
			t.Errorf("%d %s together: %+v at the client, %+v at the host; want one of each", costBatch, name, c, h)
		}
	}
}

// Callers who are woken together ask together, the leader with them: a round of them is
// a datagram, a send and a receive for each way at each end. One processor is enough to
// see that, and makes it certain. What is asked again may be one more each.
func TestCostOfManyCallers(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const callers, each = 64, 200
	cl := cluster.Start(t, 1, cluster.Volatile())
	var repeats atomic.Uint64
	db := dial(t, cl, counting(&repeats))
	if _, err := db.Put(t.Context(), costKeys[0], costValue); err != nil {
		t.Fatal(err)
	}
	before, host := trafficOf(db.NetworkStats()), hostTraffic(t, cl)
	var group sync.WaitGroup
	for range callers {
		group.Go(func() {
			for range each {
				if _, err := db.Get(t.Context(), costKeys[0]); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	c, h := trafficOf(db.NetworkStats()).minus(before), hostTraffic(t, cl).minus(host)
	t.Logf("%d gets: %+v at the client, %+v at the host", callers*each, c, h)
	most := each*7/4 + repeats.Load()
	for what, n := range map[string]uint64{
		"datagrams to the host": c.datagramsOut, "datagrams to the client": h.datagramsOut, "system calls of the client to send": c.sends,
		"of the host to send": h.sends, "of the client to receive": c.receives, "of the host to receive": h.receives,
	} {
		if n > most {
			t.Errorf("%d callers, %d gets: %d %s, want %d at most", callers, callers*each, n, what, most)
		}
	}
}

// A get takes memory for its value, and a put that finds its key for nothing, client and
// host together.
func TestCostInMemory(t *testing.T) {
	db := dial(t, cluster.Start(t, 1, cluster.Volatile()))
	puts, gets := db.Batch(), db.Batch()
	for range 10 {
		fillBatches(puts, gets)
		doBatch(t, puts)
		doBatch(t, gets)
	}
	perGets := testing.AllocsPerRun(costRounds, func() {
		fillBatches(puts, gets)
		doBatch(t, gets)
	})
	perPuts := testing.AllocsPerRun(costRounds, func() {
		fillBatches(puts, gets)
		doBatch(t, puts)
	})
	t.Logf("%d together: gets %.0f allocations, puts %.0f", costBatch, perGets, perPuts)
	if perGets > 1.1*costBatch || perPuts > 0.1*costBatch {
		t.Errorf("%d gets together take memory %.0f times, %d puts %.0f times; want once each, and never", costBatch, perGets, costBatch, perPuts)
	}
}

// Writes that arrive together are synced together, and a write by itself once.
func TestCostOfDurableWrites(t *testing.T) {
	var syncs atomic.Int64
	counting := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		switch op.Kind {
		case errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo:
			syncs.Add(1)
		}
		return nil
	}))
	st, err := store.OpenDisk("data", store.DirIdentity{Cluster: "cost", Host: 1}, store.DiskOptions{FS: counting, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	addr := serve(t, st)
	db, err := client.Dial(t.Context(), []string{addr})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	for _, size := range []int{1, costBatch} {
		var rounds []int64
		for range costRounds {
			b := db.Batch()
			for i := range size {
				b.Put(costKeys[i], costValue)
			}
			before := syncs.Load()
			doBatch(t, b)
			rounds = append(rounds, syncs.Load()-before)
		}
		slices.Sort(rounds)
		if median := rounds[len(rounds)/2]; median != 1 {
			t.Errorf("%d puts together are synced %d times, want once", size, median)
		}
	}
}

// serve runs a host of its own on a store until the test ends, and returns its address.
func serve(t *testing.T, st store.Store) string {
	t.Helper()
	conn, err := udp.Listen(netip.MustParseAddrPort("127.0.0.1:0"), server.Transport(udp.Config{}, kv.Limits{}))
	if err != nil {
		t.Fatal(err)
	}
	addr := conn.LocalAddr().String()
	s, err := server.Listen(server.Config{
		Config: kv.Config{Me: 1, Root: 1, Members: []marshal.Member{{ID: 1, Address: addr}}, Durable: true},
		Store:  st, Conn: conn,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	return addr
}

// Keys and value are made before anything is counted.
var (
	costKeys = func() (list [costBatch][]byte) {
		for i := range list {
			list[i] = key(i)
		}
		return list
	}()
	costValue = make([]byte, 128)
)
