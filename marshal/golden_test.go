package marshal

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/golden.txt anew: the format of the messages has changed")

const goldenFile = "testdata/golden.txt"

// golden returns a line for each typical message and variant: the name of its
// type and its bytes in hex.
func golden() string {
	var s strings.Builder
	for _, m := range append(typical(2), variants()...) {
		b := Append(nil, m)
		fmt.Fprintf(&s, "%s %x\n", kinds[b[1]].name, b)
	}
	return s.String()
}

// Hosts and clients of two versions meet, and stores keep answers and delegates
// as bytes: a change of the format must be meant.
func TestTheFormatIsTheGoldenOne(t *testing.T) {
	if *update {
		if err := os.WriteFile(goldenFile, []byte(golden()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	stored, err := os.ReadFile(goldenFile)
	if err != nil {
		t.Fatal(err)
	}
	want, got := strings.Split(string(stored), "\n"), strings.Split(golden(), "\n")
	if len(got) != len(want) {
		t.Fatalf("%d messages, the file has %d: add the new ones with go test ./marshal -update", len(got)-1, len(want)-1)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("line %d: the bytes have changed:\nnow    %s\nbefore %s", i+1, got[i], want[i])
		}
	}
}

// goldenMessages returns the bytes of the file's messages.
func goldenMessages(tb testing.TB) [][]byte {
	tb.Helper()
	stored, err := os.ReadFile(goldenFile)
	if err != nil {
		tb.Fatal(err)
	}
	var all [][]byte
	for line := range bytes.Lines(stored) {
		_, digits, _ := bytes.Cut(bytes.TrimSpace(line), []byte(" "))
		b, err := hex.DecodeString(string(digits))
		if err != nil {
			tb.Fatalf("%s: %v", goldenFile, err)
		}
		all = append(all, b)
	}
	return all
}

func TestTheGoldenFileHasEveryMessage(t *testing.T) {
	seen := map[kind]bool{}
	for _, b := range goldenMessages(t) {
		if _, err := Decode(b); err != nil {
			t.Errorf("%x: %v", b, err)
		}
		seen[kind(b[1])] = true
	}
	for _, k := range allKinds() {
		if !seen[k] {
			t.Errorf("no %s in %s: add one to typical", kinds[k].name, goldenFile)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, b := range goldenMessages(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var d Decoder
		checkCanonical(t, &d, b)
	})
}

// FuzzGlimpse: what a host looks at before it decodes is, where bytes are a message, what
// decoding them says, and otherwise at least no surprise.
func FuzzGlimpse(f *testing.F) {
	for _, b := range goldenMessages(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		key, hasKey := KeyOf(b)
		opens, requests := OpensSession(b), IsRequest(b)
		if len(key) > MaxKeyBytes || !hasKey && key != "" || hasKey && !requests || opens && requests {
			t.Fatalf("%x: key %q %v, opens %v, requests %v", b, key, hasKey, opens, requests)
		}
		m, err := Decode(b)
		if err != nil {
			return
		}
		var want struct {
			key                     string
			hasKey, opens, requests bool
		}
		switch m := m.(type) {
		case *GetRequest:
			want.key, want.hasKey, want.requests = string(m.Key), true, true
		case *SetRequest:
			want.key, want.hasKey, want.requests = string(m.Key), true, true
		case *ScanRequest:
			want.requests = true
		case *Hello, *Open:
			want.opens = true
		}
		if string(key) != want.key || hasKey != want.hasKey || opens != want.opens || requests != want.requests {
			t.Fatalf("%T: key %q %v, opens %v, requests %v; want %+v", m, key, hasKey, opens, requests, want)
		}
	})
}

func FuzzDecodeDelegate(f *testing.F) {
	for _, m := range append(typical(2), variants()...) {
		if single, ok := m.(*Single); ok {
			f.Add(AppendDelegate(nil, &single.Delegate))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := DecodeDelegate(b)
		if err == nil && !bytes.Equal(AppendDelegate(nil, d), b) {
			t.Fatalf("%x decodes to %+v, whose encoding is %x", b, d, AppendDelegate(nil, d))
		}
	})
}
