package server

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"ironkv/kv"
)

// The inbox is a queue: what goes in comes out in order, unchanged, with its time
// of arrival, however adding, taking and tidying interleave.
func TestInboxIsAQueue(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 1))
		var (
			box   inbox
			model []kv.Time // the time of arrival of what waits
			next  byte
			first byte
			now   kv.Time
		)
		message := func(n byte) []byte { return bytes.Repeat([]byte{n}, int(n)%17) }
		for range 400 {
			switch rng.IntN(5) {
			case 0, 1:
				for range rng.IntN(4) {
					box.add(arrival{src: clientAddr}, message(next))
					next++
					model = append(model, now+1)
				}
				now++
				box.stamp(now)
			case 2, 3:
				a, msg, ok := box.take()
				if ok != (len(model) > 0) {
					t.Fatalf("seed %d: take says %v with %d waiting", seed, ok, len(model))
				}
				if !ok {
					continue
				}
				if !bytes.Equal(msg, message(first)) || a.at != model[0] || a.src != clientAddr {
					t.Fatalf("seed %d: took %v of %d, want message %d of %d", seed, msg, a.at, first, model[0])
				}
				first++
				model = model[1:]
			case 4:
				box.tidy()
			}
			want := 0
			for n := first; n != next; n++ {
				want += len(message(n))
			}
			if box.bytes() != want || box.empty() != (len(model) == 0) {
				t.Fatalf("seed %d: %d bytes wait, empty %v; want %d, %v", seed, box.bytes(), box.empty(), want, len(model) == 0)
			}
		}
	}
}

// An inbox that was full once does not keep the memory.
func TestInboxGivesMemoryBack(t *testing.T) {
	var box inbox
	box.add(arrival{src: clientAddr}, make([]byte, 2*idleBytes))
	box.stamp(1)
	if _, msg, ok := box.take(); !ok || len(msg) != 2*idleBytes {
		t.Fatal("the message is not there")
	}
	box.tidy()
	if cap(box.buf) > idleBytes {
		t.Fatalf("keeps %d bytes, at most %d", cap(box.buf), idleBytes)
	}
}
