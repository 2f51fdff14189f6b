package main

import (
	"slices"
	"strings"
	"testing"
)

// FuzzCluster: any text is refused as a list of hosts, or is one that reads the same once it
// was written in its one form.
func FuzzCluster(f *testing.F) {
	for _, s := range []string{"1=127.0.0.1:7001", "2=localhost:1, 1=[::1]:65535", "1=1.2.3.4:5,1=1.2.3.4:6", "=", "1=a:1", "0=[::]:0", "3=[fe80::1%lo]:9"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, list string) {
		members, err := parseCluster(list)
		if err != nil {
			return
		}
		var items []string
		for _, m := range members {
			items = append(items, m.ID.String()+"="+m.Address)
		}
		again, err := parseCluster(strings.Join(items, ","))
		if err != nil || !slices.Equal(again, members) {
			t.Fatalf("%q is %v, and %v when it is read again, %v", list, members, again, err)
		}
	})
}
