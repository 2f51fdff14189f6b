package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/marshal"
)

// recordCodecs decode a record of each kind and encode what they read.
var recordCodecs = []func(r *reader) (again func() []byte){
	func(r *reader) func() []byte {
		v := r.identity()
		return func() []byte { return appendIdentity(nil, v) }
	},
	func(r *reader) func() []byte {
		v := r.counters()
		return func() []byte { return appendCounters(nil, v) }
	},
	func(r *reader) func() []byte { v := r.peer(); return func() []byte { return appendPeer(nil, v) } },
	func(r *reader) func() []byte {
		v := delegation.HostID(r.u32())
		return func() []byte { return appendHost(nil, v) }
	},
	func(r *reader) func() []byte { v := r.session(); return func() []byte { return appendSession(nil, v) } },
	func(r *reader) func() []byte {
		v := r.answer()
		return func() []byte { return appendAnswer(nil, v.number, v.floor, v.message) }
	},
	func(r *reader) func() []byte {
		v := r.delegate()
		return func() []byte { return appendDelegate(nil, v) }
	},
	func(r *reader) func() []byte {
		v := r.move()
		return func() []byte {
			_ = v.Phase.String() + v.Reason.String() // what is printed of a move
			return appendMove(nil, v)
		}
	},
}

// FuzzRecord: a record of any kind and any bytes is refused, or is what encodes to
// these bytes.
func FuzzRecord(f *testing.F) {
	at := delegation.At("key")
	for i, b := range [][]byte{
		appendIdentity(nil, kv.Identity{Host: 1, Root: 1, Incarnation: 7, Joined: true, LastSession: 3}),
		appendCounters(nil, kv.Counters{Step: 9, Clock: 8}),
		appendPeer(nil, kv.PeerRecord{Incarnation: 7, Confirmed: true, Acked: 1, Received: 2}),
		appendHost(nil, 3),
		appendSession(nil, kv.SessionRecord{Serial: 4}),
		appendAnswer(nil, 5, 4, &marshal.SetReply{Version: 3}),
		appendDelegate(nil, &marshal.Delegate{Range: delegation.All, Entries: []marshal.Entry{{Key: "k", Value: []byte("v"), Version: 1}}}),
		appendMove(nil, kv.Move{Number: 1, Range: delegation.Range{From: at, Until: delegation.PosInf}, Recipient: 2, Cursor: at}),
	} {
		f.Add(byte(i), b)
	}
	f.Fuzz(func(t *testing.T, kind byte, b []byte) {
		r := readRecord(bytes.Clone(b))
		again := recordCodecs[int(kind)%len(recordCodecs)](&r)
		if err := r.end(); err == nil && !bytes.Equal(again(), b) {
			t.Fatalf("%x of kind %d is written again as %x", b, kind, again())
		}
	})
}

// FuzzWitness: a witness's file of any bytes is refused as corrupt, or is a testimony
// that can be held against a directory, and gone on from. With seal the bytes are the
// text of a testimony under a right checksum.
func FuzzWitness(f *testing.F) {
	f.Add(true, []byte(`{"Generation":3,"Manifests":{"MANIFEST-000001":{"Bytes":4,"CRC32":7}},"Logs":["000002.log"],"Sums":{"000002.log":{"Bytes":0,"CRC32":0}}}`))
	f.Add(true, []byte(`{"Manifests":null,"Sums":null}`))
	f.Add(true, []byte(`null`))
	f.Add(true, []byte(`{"Sums":{"../x":{"Bytes":-1}}}`))
	f.Add(false, make([]byte, witnessSlotBytes+8))
	f.Fuzz(func(t *testing.T, seal bool, b []byte) {
		if seal {
			sum := binary.BigEndian.AppendUint32(nil, crc32.Checksum(b, castagnoli))
			b = append(binary.BigEndian.AppendUint32(sum, uint32(len(b))), b...)
		}
		fs := vfs.NewMem()
		put(t, fs, witnessFile, b)
		put(t, fs, "MANIFEST-000001", []byte("list"))
		w := newWitness(fs, "")
		found, err := w.read()
		switch {
		case err == nil && !found:
			t.Fatal("a file that is there was not found")
		case err != nil && !errors.Is(err, ErrCorrupt):
			t.Fatalf("%v is not ErrCorrupt", err)
		case err != nil:
			return
		}
		if err := w.check("MANIFEST-000001"); err != nil && !errors.Is(err, ErrCorrupt) {
			t.Fatalf("%v is not ErrCorrupt", err)
		}
		if err := w.begin(); err != nil {
			t.Fatal(err)
		}
		defer w.close()
		_ = w.synced("000003.log", fileSum{Bytes: 1}) // fails where it does not fit
		_ = w.removed("MANIFEST-000001")              //
		_ = w.synced("MANIFEST-000002", fileSum{Bytes: 1})
	})
}

func put(t *testing.T, fs vfs.FS, name string, b []byte) {
	t.Helper()
	file, err := fs.Create(name, vfs.WriteCategoryUnspecified)
	if err == nil {
		_, err = file.Write(b)
	}
	if err := errors.Join(err, file.Close()); err != nil {
		t.Fatal(err)
	}
}

// FuzzIdentityFile: an identity file of any bytes is refused, or says what was asked for.
func FuzzIdentityFile(f *testing.F) {
	want := DirIdentity{Cluster: "1=a", Host: 1}
	for _, text := range []string{
		`{"format":1,"host":1,"cluster":"1=a","crc32c":%d}`, `{"format":2,"host":1,"cluster":"1=a","crc32c":%d}`,
		`{"format":1,"host":2,"cluster":"1=a","crc32c":%d}`, `{"crc32c":%d`, `null%d`,
	} {
		f.Add(fmt.Appendf(nil, text, identityText{Format: formatVersion, Host: 1, Cluster: "1=a"}.sum()))
	}
	f.Add(fmt.Appendf(nil, `{"format":2,"host":1,"cluster":"1=a","crc32c":%d}`, identityText{Format: 2, Host: 1, Cluster: "1=a"}.sum()))
	f.Fuzz(func(t *testing.T, b []byte) {
		fs := vfs.NewMem()
		put(t, fs, identityFile, b)
		there, err := checkIdentity(fs, "", want)
		known := errors.Is(err, ErrCorrupt) || errors.Is(err, ErrFormat) || errors.Is(err, ErrWrongDirectory)
		if there != (err == nil) || err != nil && !known {
			t.Fatalf("%q: %v, %v", b, there, err)
		}
	})
}

// FuzzLog: a log of any bytes has an end, within it or at it, and is not damaged where
// nothing follows that end.
func FuzzLog(f *testing.F) {
	log := chunkOf(nil, 7, 0, "first", 9)
	log = chunkOf(log, 7, uint64(len(log)), "second", 9)
	f.Add(log)
	f.Add(append(append([]byte{}, log...), 0, 0, 0))
	damaged := append([]byte{}, log...)
	damaged[9] ^= 1
	f.Add(damaged)
	f.Add(append(make([]byte, logBlockBytes-5), log...))
	f.Fuzz(func(t *testing.T, b []byte) {
		at, damaged := damagedAt(b, 7)
		if at < 0 || at > len(b) {
			t.Fatalf("a log of %d bytes ends at %d", len(b), at)
		}
		if _, damaged := damagedAt(b[:at], 7); damaged {
			t.Fatalf("what stands before byte %d is damaged by itself", at)
		}
		if damaged && len(b)-at < syncsAfterDamage*syncHeader {
			t.Fatalf("%d bytes behind byte %d cannot show %d syncs", len(b)-at, at, syncsAfterDamage)
		}
	})
}

// chunkOf appends a chunk to a log, as Pebble writes it.
func chunkOf(b []byte, number uint32, synced uint64, payload string, kind byte) []byte {
	body := binary.LittleEndian.AppendUint16(nil, uint16(len(payload)))
	body = binary.LittleEndian.AppendUint32(append(body, kind), number)
	body = append(binary.LittleEndian.AppendUint64(body, synced), payload...)
	sum := crc32.Checksum(body[2:], castagnoli)
	return append(binary.LittleEndian.AppendUint32(b, sum>>15|sum<<17+0xa282ead8), body...)
}
