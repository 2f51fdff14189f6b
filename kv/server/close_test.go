package server

import (
	"testing"
)

// Close ends a server as a crash would: what waits for its sync when the server is
// closed is not sent, though the sync succeeds.
func TestAClosedServerSaysNothingAnyMore(t *testing.T) {
	b := newBench(t)
	b.must() // the first look at the store's room
	waits := newPending()
	b.store.commits = []commitResult{{pending: waits}}
	b.socket.put(clientAddr, set(1))
	b.must()
	go b.pipeline.run()
	<-waits.waiting
	b.pipeline.muted.Store(true)
	waits.result <- nil
	b.pipeline.close()
	if sent := b.socket.taken(); len(sent) > 0 {
		t.Fatalf("a closed server sent %v", numbers(sent))
	}
}
