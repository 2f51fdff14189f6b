package client_test

import (
	"fmt"
	"os"
	"sync"
	"testing"

	"ironkv/kv/client"
	"ironkv/kv/cluster"
)

// benchKeys is the number of keys that the benchmarks use.
const benchKeys = 1000

// benchClient dials the cluster that IRONKV_BENCH_ADDR names, or one in this
// process, and fills it.
func benchClient(b *testing.B) (*client.Client, [][]byte) {
	b.Helper()
	addrs := []string{os.Getenv("IRONKV_BENCH_ADDR")}
	if addrs[0] == "" {
		cl, err := cluster.New(b.Context(), 1, cluster.Volatile())
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = cl.Stop() })
		addrs = cl.Addrs()
	}
	c, err := client.Dial(b.Context(), addrs)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = c.Close() })
	fill(b, c, benchKeys)
	keys := make([][]byte, benchKeys)
	for i := range keys {
		keys[i] = key(i)
	}
	return c, keys
}

// parallel runs do for each of b.N operations, in so many goroutines.
func parallel(b *testing.B, callers int, do func(i int) error) {
	b.ReportAllocs()
	b.ResetTimer()
	var g sync.WaitGroup
	for w := range callers {
		g.Go(func() {
			for i := w; i < b.N; i += callers {
				if err := do(i); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	g.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ops/s")
}

// BenchmarkGet and BenchmarkPut are limited by system calls and wake-ups: one of
// each per operation with one caller, a share of them with many.
func BenchmarkGet(b *testing.B) {
	c, keys := benchClient(b)
	for _, callers := range []int{1, 16, 64, 256, 1024} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			parallel(b, callers, func(i int) error {
				_, err := c.Get(b.Context(), keys[i%benchKeys])
				return err
			})
		})
	}
}

func BenchmarkPut(b *testing.B) {
	c, keys := benchClient(b)
	value := make([]byte, 128)
	for _, callers := range []int{1, 16, 64, 256, 1024} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			parallel(b, callers, func(i int) error {
				_, err := c.Put(b.Context(), keys[i%benchKeys], value)
				return err
			})
		})
	}
}

// BenchmarkBatch is of one goroutine with batches of gets; an operation is one
// item. It is limited by the work per message at both ends.
func BenchmarkBatch(b *testing.B) {
	c, keys := benchClient(b)
	for _, size := range []int{1, 16, 64, 1024} {
		b.Run(fmt.Sprintf("size=%d", size), func(b *testing.B) {
			batch := c.Batch()
			parallel(b, 1, func(i int) error {
				batch.Get(keys[i%benchKeys])
				if batch.Len() < size && i < b.N-1 {
					return nil
				}
				for _, r := range batch.Do(b.Context()) {
					if r.Err != nil {
						return r.Err
					}
				}
				batch.Reset()
				return nil
			})
		})
	}
}
