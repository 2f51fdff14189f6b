package marshal

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"
)

// decodeHex decodes bytes written in hex, where spaces may stand between elements.
func decodeHex(t *testing.T, digits string) (Message, error) {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return new(Decoder).Decode(b)
}

// id is a session id, a nonce or a cookie, in hex.
const id = "c410 00000000000000000000000000000001 "

// Each fault, where it is and what is said of it. The request's key begins at
// byte 22: behind the header, the code, the session (18), the number and the hint.
func TestFaultsAreNamedWithMessageFieldAndPlace(t *testing.T) {
	for _, c := range []struct {
		bytes string
		want  MalformedError
	}{
		{"", MalformedError{"", "", 0, FaultTruncated}},
		{"95", MalformedError{"", "", 1, FaultTruncated}},
		{"c0 10", MalformedError{"", "", 0, FaultType}},
		{"95 cc10", MalformedError{"", "", 1, FaultType}},
		{"95 00", MalformedError{"", "", 1, FaultUnknown}},
		{"95 06", MalformedError{"", "", 1, FaultUnknown}},
		{"95 7f", MalformedError{"", "", 1, FaultUnknown}},
		{"94 10", MalformedError{"GetRequest", "", 0, FaultFields}},
		{"95 10", MalformedError{"GetRequest", "session", 2, FaultTruncated}},
		{"95 10 c40f" + strings.Repeat("00", 15), MalformedError{"GetRequest", "session", 2, FaultTooShort}},
		{"95 10 c411" + strings.Repeat("00", 17), MalformedError{"GetRequest", "session", 2, FaultTooLong}},
		{"95 10 c50010" + strings.Repeat("00", 16), MalformedError{"GetRequest", "session", 2, FaultNotCanonical}},
		{"95 10 a1", MalformedError{"GetRequest", "session", 2, FaultType}},
		{"95 10" + id + "c0", MalformedError{"GetRequest", "number", 20, FaultType}},
		{"95 10" + id + "cc7f", MalformedError{"GetRequest", "number", 20, FaultNotCanonical}},
		{"95 10" + id + "cd01", MalformedError{"GetRequest", "number", 20, FaultTruncated}},
		{"95 10" + id + "01 92", MalformedError{"GetRequest", "hint", 21, FaultFields}},
		{"95 10" + id + "01 01", MalformedError{"GetRequest", "hint", 21, FaultType}},
		{"95 10" + id + "01 93 00 00 00", MalformedError{"GetRequest", "hint", 21, FaultNotCanonical}},
		{"95 10" + id + "01 93 cf0000000100000000", MalformedError{"GetRequest", "hint.sender", 22, FaultOutOfRange}},
		{"95 10" + id + "01 c0 c400", MalformedError{"GetRequest", "key", 22, FaultTooShort}},
		{"95 10" + id + "01 c0 c51001", MalformedError{"GetRequest", "key", 22, FaultTooLong}},
		{"95 10" + id + "01 c0 c50001 6b", MalformedError{"GetRequest", "key", 22, FaultNotCanonical}},
		{"95 10" + id + "01 c0 c402 6b", MalformedError{"GetRequest", "key", 22, FaultTruncated}},
		{"95 10" + id + "01 c0 c401 6b 00", MalformedError{"GetRequest", "", 25, FaultTrailing}},
		{"95 21" + id + "01 04 00", MalformedError{"SetReply", "result", 21, FaultOutOfRange}},
		{"95 25" + id + "01 90 00", MalformedError{"MovesReply", "more", 22, FaultType}},
		{"94 16" + id + "01 00", MalformedError{"StatusRequest", "padding", 21, FaultType}},
		{"98 23" + id + "01 c0 c0 00 00 92 c4016b 00", MalformedError{"ScanReply", "entries", 25, FaultFields}},
		{"98 23" + id + "01 c0 c0 00 00 dc0003", MalformedError{"ScanReply", "entries", 25, FaultNotCanonical}},
		{"98 23" + id + "01 c0 c0 00 00 dc00", MalformedError{"ScanReply", "entries", 25, FaultTruncated}},
		{"98 23" + id + "01 c0 c0 00 00 93 c400 c400 00", MalformedError{"ScanReply", "entries", 25, FaultTruncated}},
		{"98 23" + id + "01 c0 c0 00 00 93 c4016b a0 0000", MalformedError{"ScanReply", "entry.value", 29, FaultType}},
		{"93 01" + id + "c46a" + strings.Repeat("00", 105) + "01", MalformedError{"Hello", "padding", 20, FaultNotCanonical}},
	} {
		m, err := decodeHex(t, c.bytes)
		var got *MalformedError
		if m != nil || !errors.Is(err, ErrMalformed) || !errors.As(err, &got) || *got != c.want {
			t.Errorf("%s:\n got %v, %v\nwant %v", c.bytes, m, err, &c.want)
		}
	}
}

func TestErrorsSayWhatWhereAndWhy(t *testing.T) {
	for _, c := range []struct {
		err  MalformedError
		want string
	}{
		{MalformedError{"GetRequest", "key", 22, FaultTooLong}, "malformed message: GetRequest, field key, byte 22: too long"},
		{MalformedError{"Ack", "", 9, FaultTrailing}, "malformed message: Ack, byte 9: bytes follow its end"},
		{MalformedError{Offset: 1, Fault: FaultUnknown}, "malformed message: byte 1: no message has this code"},
	} {
		if got := c.err.Error(); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
	for f := range NumFaults {
		if strings.HasPrefix(f.String(), "unknown") {
			t.Errorf("fault %d has no words", f)
		}
	}
	if got := NumFaults.String(); got != "unknown (11)" {
		t.Errorf("no fault is called %q", got)
	}
}

// Each length of number, bytes, text and array has one encoding, the shortest.
func TestOnlyTheShortestEncodingIsRead(t *testing.T) {
	uint := func(r *reader) { r.uint("f") }
	bin := func(r *reader) { r.bin("f", MaxValueBytes) }
	text := func(r *reader) { r.text("f", MaxTextBytes) }
	list := func(r *reader) { r.list("f", 1, 0, MaxEntries) }
	data := func(header string, n int) string { return header + strings.Repeat("00", n) }
	for _, c := range []struct {
		name  string
		read  func(*reader)
		bytes string
		want  Fault
	}{
		{"127 in 1 byte", uint, "7f", FaultNone},
		{"127 in 2", uint, "cc7f", FaultNotCanonical},
		{"128 in 2", uint, "cc80", FaultNone},
		{"255 in 3", uint, "cd00ff", FaultNotCanonical},
		{"256 in 3", uint, "cd0100", FaultNone},
		{"65535 in 5", uint, "ce0000ffff", FaultNotCanonical},
		{"65536 in 5", uint, "ce00010000", FaultNone},
		{"2^32-1 in 9", uint, "cf00000000ffffffff", FaultNotCanonical},
		{"2^32 in 9", uint, "cf0000000100000000", FaultNone},
		{"-1", uint, "ff", FaultType},
		{"1 as a signed number", uint, "d001", FaultType},
		{"1.0", uint, "ca3f800000", FaultType},
		{"255 bytes by bin 8", bin, data("c4ff", 255), FaultNone},
		{"255 bytes by bin 16", bin, data("c500ff", 255), FaultNotCanonical},
		{"256 bytes by bin 16", bin, data("c50100", 256), FaultNone},
		{"65535 bytes by bin 32", bin, data("c60000ffff", 65535), FaultNotCanonical},
		{"65536 bytes by bin 32", bin, data("c600010000", 65536), FaultNone},
		{"bytes as text", bin, "a16b", FaultType},
		{"31 bytes of text", text, data("bf", 31), FaultNone},
		{"31 bytes by str 8", text, data("d91f", 31), FaultNotCanonical},
		{"32 bytes by str 8", text, data("d920", 32), FaultNone},
		{"255 bytes by str 16", text, data("da00ff", 255), FaultNotCanonical},
		{"256 bytes by str 16", text, data("da0100", 256), FaultNone},
		{"text without its length", text, "da01", FaultTruncated},
		{"text as bytes", text, "c4016b", FaultType},
		{"15 elements", list, data("9f", 15), FaultNone},
		{"15 elements by array 16", list, data("dc000f", 15), FaultNotCanonical},
		{"16 elements by array 16", list, data("dc0010", 16), FaultNone},
		{"65535 elements by array 32", list, data("dd0000ffff", 65535), FaultNotCanonical},
		{"65536 elements by array 32", list, data("dd00010000", 65536), FaultNone},
		{"a map", list, "80", FaultType},
	} {
		b, err := hex.DecodeString(c.bytes)
		if err != nil {
			t.Fatal(err)
		}
		r := &reader{b: b}
		if c.read(r); r.fault != c.want {
			t.Errorf("%s: %v, want %v", c.name, r.fault, c.want)
		}
	}
}

// Where one form ends and the next begins, the writer chooses as the reader wants.
func TestTheShortestEncodingIsWritten(t *testing.T) {
	for _, n := range []int{0, 1, 15, 16, 31, 32, 127, 128, 255, 256, 65535, 65536} {
		for _, v := range []uint64{uint64(n), 1<<32 - 1, 1 << 32, 1<<64 - 1} {
			r := &reader{b: appendUint(nil, v)}
			if got := r.uint("f"); got != v || r.end("") != nil {
				t.Errorf("the number %d: %d, %v", v, got, r.end(""))
			}
		}
		data := strings.Repeat("b", n)
		r := &reader{b: appendBin(nil, data)}
		if got := r.bin("f", MaxValueBytes); string(got) != data || r.end("") != nil {
			t.Errorf("%d bytes: %d, %v", n, len(got), r.end(""))
		}
		if n <= MaxTextBytes {
			r = &reader{b: appendText(nil, data)}
			if got := r.text("f", MaxTextBytes); got != data || r.end("") != nil {
				t.Errorf("a text of %d bytes: %d, %v", n, len(got), r.end(""))
			}
		}
		r = &reader{b: appendList(nil, n, 1)}
		if got := r.list("f", 1, 0, MaxEntries); got != n || r.end("") != nil {
			t.Errorf("a list of %d: %d, %v", n, got, r.end(""))
		}
	}
}
