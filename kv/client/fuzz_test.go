package client_test

import (
	"testing"

	"ironkv/kv/client"
)

// FuzzMoveID: any text is refused as a move's id, or is how that id is printed.
func FuzzMoveID(f *testing.F) {
	for _, s := range []string{"1-1", "4294967295-18446744073709551615", "01-1", "1--1", "-", "1-1 "} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		id, err := client.ParseMoveID(text)
		if err != nil {
			return
		}
		if again, err := client.ParseMoveID(id.String()); err != nil || again != id {
			t.Fatalf("%q is %v, which reads as %v, %v", text, id, again, err)
		}
	})
}
