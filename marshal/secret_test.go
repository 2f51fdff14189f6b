package marshal

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// Whoever knows a session's id may use it: no log and no error shows any of it.
func TestSessionIDsAreNotShown(t *testing.T) {
	id := SessionID{0xa1, 0xb2, 0xc3, 0xd4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
	var logged bytes.Buffer
	timeless := &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{} // its digits may be those of the id
		}
		return a
	}}
	for _, h := range []slog.Handler{slog.NewTextHandler(&logged, timeless), slog.NewJSONHandler(&logged, timeless)} {
		slog.New(h).Info("a session", "id", id, "request", RequestHeader{Session: id, Number: 1})
	}
	encoded, err := json.Marshal(RequestHeader{Session: id})
	if err != nil {
		t.Fatal(err)
	}
	shown := logged.String() + string(encoded)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%X", "%d", "%q"} {
		shown += fmt.Sprintf(verb+" "+verb+"\n", id, RequestHeader{Session: id})
	}
	for _, part := range []string{"161", "178", hex.EncodeToString(id[:2]), strings.ToUpper(hex.EncodeToString(id[:2])), "0xa1"} {
		if strings.Contains(shown, part) {
			t.Errorf("%q of the id shows:\n%s", part, shown)
		}
	}
	if other := (SessionID{1}); id.String() == other.String() {
		t.Error("two sessions look alike")
	}
}

// An incarnation is written as file names and logs have it, whatever the verb.
func TestIncarnationsAreHex(t *testing.T) {
	for _, verb := range []string{"%v", "%d", "%x", "%016x", "%+v"} {
		if got := fmt.Sprintf(verb, Incarnation(0xb6446c7ee5d3b1af)); got != "b6446c7ee5d3b1af" {
			t.Errorf("%s: %s", verb, got)
		}
	}
	if got := fmt.Sprint(struct{ I Incarnation }{7}); got != "{0000000000000007}" {
		t.Error(got)
	}
}
