package e2e_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"ironkv/delegation"
	"ironkv/kv/client"
	"ironkv/marshal"
)

// sizes are entries at every edge: of the limits, and of how many datagrams and
// chunks an entry takes.
func sizes() map[string][]byte {
	entries := map[string][]byte{}
	pattern := func(n int, seed byte) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(i*7+i>>8) + seed
		}
		return b
	}
	for i, n := range []int{0, 1, 127, 1_400, 8_192, 65_507, 128 << 10, 1<<20 + 1, marshal.MaxValueBytes - 1, marshal.MaxValueBytes} {
		entries[fmt.Sprintf("value of %d bytes", n)] = pattern(n, byte(i))
	}
	for i, n := range []int{1, 2, 255, 256, 1_399, marshal.MaxKeyBytes - 1, marshal.MaxKeyBytes} {
		entries[string(pattern(n, byte(100+i)))] = pattern(n, byte(i))
	}
	entries["\x00"] = []byte("the lowest key")
	entries[string(bytes.Repeat([]byte{0xff}, marshal.MaxKeyBytes))] = pattern(marshal.MaxValueBytes, 9)
	return entries
}

// Keys of 1 byte to 4 KiB and values of 0 bytes to 4 MiB, of any bytes, go every
// way: written, read, scanned, moved, and found again after SIGKILL.
func TestEverySizeGoesEveryWay(t *testing.T) {
	hosts, db := start(t)
	want := sizes()
	for k, v := range want {
		if _, err := db.Put(t.Context(), []byte(k), v); err != nil {
			t.Fatalf("put %.20q, %d bytes: %v", k, len(v), err)
		}
	}
	check := func(when string) {
		t.Helper()
		for k, v := range want {
			if e, err := db.Get(t.Context(), []byte(k)); err != nil || !bytes.Equal(e.Value, v) {
				t.Errorf("%s: get %.20q: %d bytes, %v; want %d bytes", when, k, len(e.Value), err, len(v))
			}
		}
		var keys []string
		for e, err := range db.Scan(t.Context(), delegation.All) {
			if err != nil {
				t.Fatalf("%s: scan: %v", when, err)
			}
			if v, ok := want[string(e.Key)]; !ok || !bytes.Equal(e.Value, v) {
				t.Errorf("%s: scan: %.20q has %d bytes, want %d", when, e.Key, len(e.Value), len(v))
			}
			keys = append(keys, string(e.Key))
		}
		if len(keys) != len(want) || !slices.IsSorted(keys) {
			t.Errorf("%s: scan: %d keys, sorted %v; want %d", when, len(keys), slices.IsSorted(keys), len(want))
		}
	}
	check("written")
	move(t, db, delegation.All, 2, client.Unlimited())
	check("moved")
	for i := range hosts.Addrs() {
		restart(t, hosts, i)
	}
	check("after SIGKILL")
	audit(t, db)
}

// Beyond the limits, the client says so, nothing is sent, and goes on.
func TestBeyondTheLimits(t *testing.T) {
	_, db := start(t, "--memory")
	for name, put := range map[string]func() error{
		"key of 4 KiB and a byte": func() error {
			_, err := db.Put(t.Context(), make([]byte, marshal.MaxKeyBytes+1), nil)
			return err
		},
		"value of 4 MiB and a byte": func() error {
			_, err := db.Put(t.Context(), []byte("k"), make([]byte, marshal.MaxValueBytes+1))
			return err
		},
		"reading a key of 4 KiB and a byte": func() error {
			_, err := db.Get(t.Context(), make([]byte, marshal.MaxKeyBytes+1))
			return err
		},
	} {
		if err := put(); !errors.Is(err, client.ErrTooLarge) {
			t.Errorf("%s: %v, want ErrTooLarge", name, err)
		}
	}
	if _, err := db.Put(t.Context(), nil, nil); !errors.Is(err, client.ErrEmptyKey) {
		t.Errorf("empty key: %v, want ErrEmptyKey", err)
	}
	if _, err := db.Put(t.Context(), []byte("k"), []byte("v")); err != nil {
		t.Errorf("after the errors: %v", err)
	}
	if keys, _, err := db.Count(t.Context(), delegation.All); err != nil || keys != 1 {
		t.Errorf("%d keys, %v; want the one", keys, err)
	}
}
