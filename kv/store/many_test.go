package store

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/marshal"
)

// However many entries a range has, all are removed, and none beside it.
func TestAllOfAGreatRangeIsRemoved(t *testing.T) {
	for _, s := range []Store{NewMemory(MemoryOptions{}), openTest(t, vfs.NewMem())} {
		for i := range uint32(2*rangeDeleteKeys + 2) {
			s.Put(marshal.Entry{Key: delegation.Key(binary.BigEndian.AppendUint32([]byte("k"), i)), Version: 1})
		}
		first := delegation.At(delegation.Key(binary.BigEndian.AppendUint32([]byte("k"), 1)))
		last := delegation.At(delegation.Key(binary.BigEndian.AppendUint32([]byte("k"), 2*rangeDeleteKeys+1)))
		s.RemoveRange(delegation.Range{From: first, Until: last})
		left := 0
		s.Ascend(delegation.All, func(marshal.Entry) bool { left++; return true })
		if left != 2 {
			t.Errorf("%T: %d entries are left, want the 2 beside the range", s, left)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// newPeers returns a disk that knows host 2, which has acknowledged that many.
func newPeers(t *testing.T, acked uint64) *Disk {
	d := openTest(t, vfs.NewMem())
	d.SetIdentity(kv.Identity{Host: 1, Root: 1, Incarnation: 1})
	d.SetPeer(2, kv.PeerRecord{Incarnation: 1, Acked: acked})
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func commitTest(t *testing.T, d *Disk) {
	t.Helper()
	p, err := d.Commit(kv.Counters{Step: 1})
	if err != nil {
		t.Fatal(err)
	}
	wait(t, p)
}

func TestManyAcknowledgedDelegatesAreForgottenAtOnce(t *testing.T) {
	const sent = 200
	d := newPeers(t, sent-1)
	for n := uint64(1); n <= sent; n++ {
		d.AddUnacked(2, n, &marshal.Delegate{Range: delegation.All})
	}
	d.DropUnacked(2, 1, sent-1)
	commitTest(t, d)
	s, err := d.Load()
	if err != nil {
		t.Fatal(err)
	}
	if out := &s.Peers[2].Out; out.Outstanding() != 1 || out.Sent() != sent {
		t.Errorf("%d delegates are left up to number %d, want number %d alone", out.Outstanding(), out.Sent(), sent)
	}
}

// The delegates behind a missing one would be sent under numbers that are not theirs.
func TestAMissingDelegateIsACorruption(t *testing.T) {
	d := newPeers(t, 0)
	d.AddUnacked(2, 2, &marshal.Delegate{Range: delegation.All})
	commitTest(t, d)
	if _, err := d.Load(); !errors.Is(err, ErrCorrupt) {
		t.Errorf("delegate 1 is missing, and loading says: %v", err)
	}
}
