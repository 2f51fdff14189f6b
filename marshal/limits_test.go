package marshal

import (
	"errors"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"ironkv/delegation"
)

func key(n int) delegation.Key { return delegation.Key(strings.Repeat("k", n)) }

// A limit makes a message with n of what is limited.
type limit struct {
	name  string
	field string // that is named beyond it
	least int    // smallest n that is allowed
	most  int    // greatest
	make  func(n int) Message
}

func lengths() []limit {
	from := func(n int) delegation.Range {
		return delegation.Range{From: delegation.At(key(n)), Until: delegation.PosInf}
	}
	value := func(n int) []byte { return make([]byte, n) }
	return []limit{
		{"key read", "key", 1, MaxKeyBytes, func(n int) Message { return &GetRequest{Key: key(n)} }},
		{"key written", "key", 1, MaxKeyBytes, func(n int) Message { return &SetRequest{Key: key(n)} }},
		{"key carried", "entry.key", 1, MaxKeyBytes, func(n int) Message {
			return &Single{Delegate: Delegate{Range: delegation.All, Entries: []Entry{{Key: key(n), Value: value(1)}}}}
		}},
		{"bound", "range.from", 0, delegation.MaxBoundBytes, func(n int) Message { return &Shard{Range: from(n)} }},
		{"end", "range.until", 0, delegation.MaxBoundBytes, func(n int) Message {
			return &ScanRequest{Range: delegation.Range{Until: delegation.At(key(n))}}
		}},
		{"cursor", "move.cursor", 0, delegation.MaxBoundBytes, func(n int) Message {
			return &MovesReply{Moves: []MoveStatus{{Cursor: delegation.At(key(n))}}}
		}},
		{"value written", "value", 0, MaxValueBytes, func(n int) Message { return &SetRequest{Key: "k", Value: value(n)} }},
		{"value read", "value", 0, MaxValueBytes, func(n int) Message { return &GetReply{Found: true, Value: value(n)} }},
		{"value in a page", "entry.value", 0, MaxValueBytes, func(n int) Message {
			return &ScanReply{Entries: []Entry{{Key: "k", Value: value(n)}}}
		}},
		{"entries in a page", "entries", 0, MaxEntries, func(n int) Message {
			return &ScanReply{Entries: repeat(n, Entry{Key: "k"})}
		}},
		{"entries in a delegate", "entries", 0, MaxEntries, func(n int) Message {
			return &Single{Delegate: Delegate{Range: delegation.All, Entries: repeat(n, Entry{Key: "k"})}}
		}},
		{"members", "members", 0, MaxMembers, func(n int) Message { return &Opened{Members: repeat(n, Member{ID: 1})} }},
		{"address", "member.address", 0, MaxAddressBytes, func(n int) Message {
			return &Opened{Members: []Member{{Address: string(key(n))}}}
		}},
		{"software", "software", 0, MaxTextBytes, func(n int) Message { return &StatusReply{Software: string(key(n))} }},
		{"moves", "moves", 0, MaxPieces, func(n int) Message { return &MovesReply{Moves: repeat(n, MoveStatus{})} }},
		{"peers", "peers", 0, MaxMembers, func(n int) Message { return &AuditReply{Peers: repeat(n, PeerNumbers{})} }},
		{"owned", "owned", 0, MaxPieces, func(n int) Message { return &AuditReply{Owned: repeat(n, delegation.All)} }},
		{"in flight", "in flight", 0, MaxPieces, func(n int) Message {
			return &AuditReply{InFlight: repeat(n, InFlight{Range: delegation.All})}
		}},
		{"quiet", "quiet", 0, MaxQuietMillis, func(n int) Message { return &AuditRequest{QuietMillis: uint32(n)} }},
		{"mode", "mode", 0, int(numScanModes) - 1, func(n int) Message { return &ScanRequest{Mode: ScanMode(n)} }},
		{"result", "result", 0, int(numSetResults) - 1, func(n int) Message { return &SetReply{Result: SetResult(n)} }},
		{"action", "action", 0, int(numMoveActions) - 1, func(n int) Message { return &MoveOrder{Action: MoveAction(n)} }},
		{"phase", "move.phase", 0, int(numMovePhases) - 1, func(n int) Message {
			return &MovesReply{Moves: []MoveStatus{{Phase: MovePhase(n)}}}
		}},
		{"why a move failed", "reason", 0, int(numOrderReasons) - 1, func(n int) Message {
			return &MovesReply{Moves: []MoveStatus{{Reason: OrderReason(n)}}}
		}},
		{"order's reason", "reason", 0, int(numOrderReasons) - 1, func(n int) Message { return &OrderReply{Reason: OrderReason(n)} }},
		{"consent's reason", "reason", 0, int(numOrderReasons) - 1, func(n int) Message { return &Consent{Reason: OrderReason(n)} }},
		{"refusal's reason", "reason", 0, int(numRefusalReasons) - 1, func(n int) Message { return &Refusal{Reason: RefusalReason(n)} }},
	}
}

func repeat[T any](n int, item T) []T {
	items := make([]T, n)
	for i := range items {
		items[i] = item
	}
	return items
}

func TestLimitsHoldExactly(t *testing.T) {
	for _, l := range lengths() {
		t.Run(l.name, func(t *testing.T) {
			for _, n := range []int{l.least, l.most} {
				b := Append(nil, l.make(n))
				m, err := Decode(b)
				if err != nil {
					t.Fatalf("%d: %v", n, err)
				}
				if again := Append(nil, m); string(again) != string(b) {
					t.Fatalf("%d: decodes to another message", n)
				}
			}
			for _, n := range []int{l.least - 1, l.most + 1} {
				if n < 0 {
					continue
				}
				var e *MalformedError
				if _, err := Decode(Append(nil, l.make(n))); !errors.As(err, &e) || e.Field != l.field {
					t.Errorf("%d: %v, want an error at field %q", n, err, l.field)
				}
			}
		})
	}
}

// The fields of 32 bits hold no more, though msgpack would.
func TestNumbersFitTheirFields(t *testing.T) {
	checked := 0
	eachMessage(t, 20, func(t *testing.T, m Message) {
		v := reflect.ValueOf(m).Elem()
		for i := range v.NumField() {
			f := v.Field(i)
			if f.Kind() != reflect.Uint32 {
				continue
			}
			const mark = 0xdeadbeef
			was := f.Uint()
			f.SetUint(mark)
			b := string(Append(nil, m))
			f.SetUint(was)
			long := strings.Replace(b, "\xce\xde\xad\xbe\xef", "\xcf\x00\x00\x00\x01\xde\xad\xbe\xef", 1)
			if _, err := Decode([]byte(long)); long == b || !errors.Is(err, ErrMalformed) {
				t.Errorf("%s: %v", v.Type().Field(i).Name, err)
			}
			checked++
		}
	})
	if checked == 0 {
		t.Error("no field of 32 bits was found")
	}
}

func TestWhichRangesMayBeEmpty(t *testing.T) {
	empty := delegation.Range{}
	inverted := delegation.Range{From: delegation.At("m"), Until: delegation.At("a")}
	for _, r := range []delegation.Range{empty, inverted} {
		for _, m := range []Message{
			&Shard{Range: r},
			&ScanRequest{Range: r},
			&ScanReply{Covered: r},
			&OrderReply{Range: r},
			&Redirect{Range: r},
			&MovesReply{Moves: []MoveStatus{{Range: r}}},
		} {
			if got, err := Decode(Append(nil, m)); err != nil || !reflect.DeepEqual(got, m) {
				t.Errorf("%+v: %+v, %v", m, got, err)
			}
		}
		for _, m := range []Message{
			&Single{Delegate: Delegate{Range: r}},
			&Propose{Range: r},
			&AuditReply{Owned: []delegation.Range{r}},
			&AuditReply{InFlight: []InFlight{{Range: r}}},
		} {
			var e *MalformedError
			if _, err := Decode(Append(nil, m)); !errors.As(err, &e) || e.Fault != FaultEmptyRange {
				t.Errorf("%+v: %v, want %v", m, err, FaultEmptyRange)
			}
		}
		if _, err := DecodeDelegate(AppendDelegate(nil, &Delegate{Range: r})); !errors.Is(err, ErrMalformed) {
			t.Errorf("a delegate of %v: %v", r, err)
		}
	}
}

// The greatest message that the rules for chunks and pages allow fits the limit:
// nearly a soft size of entries, and then one of the greatest size.
func TestAChunkFitsAMessage(t *testing.T) {
	const softBytes = 1 << 20
	for _, e := range []Entry{
		{Key: "k", Version: 1 << 63},
		{Key: key(MaxKeyBytes), Value: make([]byte, 1<<16), Version: 1 << 63},
		{Key: key(256), Value: make([]byte, 256), Version: 1 << 63},
	} {
		var entries []Entry
		for size := e.Size(); size < softBytes && len(entries) < MaxEntries-1; size += e.Size() {
			entries = append(entries, e)
		}
		entries = append(entries, Entry{Key: key(MaxKeyBytes), Value: make([]byte, MaxValueBytes), Version: 1 << 63})
		end := delegation.At(key(delegation.MaxBoundBytes))
		m := &Single{Delegate: Delegate{Range: delegation.Range{Until: end}, Entries: entries}}
		b := Append(nil, m)
		if _, err := Decode(b); err != nil || len(b) > MaxMessageBytes {
			t.Errorf("%d entries, %d bytes: %v", len(entries), len(b), err)
		}
	}
}

func TestAMessageBeyondTheLimitIsNotLookedInto(t *testing.T) {
	b := append(Append(nil, &GetRequest{Key: "k"}), make([]byte, MaxMessageBytes)...)
	for _, decode := range []func([]byte) (Message, error){Decode, new(Decoder).Decode} {
		var e *MalformedError
		if _, err := decode(b); !errors.As(err, &e) || e.Fault != FaultTooLong || e.Message != "" {
			t.Errorf("%d bytes: %v", len(b), err)
		}
	}
}

// A few bytes that promise much must not make the decoder take memory for it.
func TestPromisesTakeNoMemory(t *testing.T) {
	const allowed = 4 << 10 // bytes, for the message, the error and the test itself
	for name, digits := range map[string]string{
		"entries":  "98 23" + id + "01 c0 c0 00 00 dd00030000",
		"moves":    "95 25" + id + "01 dce000",
		"members":  "99 04" + id + id + "00 00 00 00 00 dc0800",
		"owned":    "9c 27" + id + "01 00 00 00 00 00 c2 90 dc2000",
		"inFlight": "9c 27" + id + "01 00 00 00 00 00 c2 90 90 dc4000",
		"value":    "95 20" + id + "01 00 c600400000",
		"key":      "95 10" + id + "01 c0 c51000",
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := decodeHex(t, digits)
		runtime.ReadMemStats(&after)
		var e *MalformedError
		if taken := after.TotalAlloc - before.TotalAlloc; !errors.As(err, &e) || e.Fault != FaultTruncated || taken > allowed {
			t.Errorf("%s: %v, %d bytes taken", name, err, taken)
		}
	}
}

func TestSizesOnTheWire(t *testing.T) {
	h := RequestHeader{Number: 1<<64 - 1}
	if n := len(Append(nil, &Hello{})); n != HelloBytes {
		t.Errorf("a Hello has %d bytes, want %d", n, HelloBytes)
	}
	if n := len(Append(nil, &CookieReply{})); n > HelloBytes {
		t.Errorf("a CookieReply has %d bytes, more than the Hello that it answers", n)
	}
	if n := len(Append(nil, &GetRequest{RequestHeader: h, Key: key(16)})); n > 48 {
		t.Errorf("a GetRequest of a key of 16 bytes has %d, want at most 48", n)
	}
}

// Whoever sends requests in another's name must not gain by it: without a
// session, a host says no more than it was told.
func TestARefusalIsNotLongerThanItsRequest(t *testing.T) {
	for _, h := range []RequestHeader{{}, {Number: 200}, {Number: 1<<64 - 1}} {
		most := len(Append(nil, &Refusal{RequestHeader: h, Reason: numRefusalReasons - 1}))
		for _, m := range []Message{
			&GetRequest{RequestHeader: h, Key: "k"}, &SetRequest{RequestHeader: h, Key: "k"},
			&ScanRequest{RequestHeader: h}, &Shard{RequestHeader: h}, &MoveOrder{RequestHeader: h},
			&MovesRequest{RequestHeader: h}, &StatusRequest{RequestHeader: h}, &AuditRequest{RequestHeader: h},
		} {
			if n := len(Append(nil, m)); n < most {
				t.Errorf("%T has %d bytes, its refusal up to %d", m, n, most)
			}
		}
	}
}
