package cluster_test

import (
	"bytes"
	"testing"

	"ironkv/kv/client"
	"ironkv/kv/cluster"
)

// A client goes on with a host that was killed and has come back: also with
// values longer than its requests, which a host sends to nobody whose address it
// knows nothing of.
func TestClientsGoOnAfterARestart(t *testing.T) {
	c := cluster.Start(t, 1)
	db, err := client.Dial(t.Context(), c.Addrs())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	value := bytes.Repeat([]byte("v"), 100_000)
	if _, err := db.Put(t.Context(), []byte("key"), value); err != nil {
		t.Fatal(err)
	}
	c.Kill(1)
	if err := c.Restart(1); err != nil {
		t.Fatal(err)
	}
	e, err := db.Get(t.Context(), []byte("key"))
	if err != nil || !bytes.Equal(e.Value, value) {
		t.Fatalf("get after the restart: %d bytes, %v", len(e.Value), err)
	}
}
