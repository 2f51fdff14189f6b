package server

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"ironkv/kv"
	"ironkv/marshal"
)

func TestParseAddress(t *testing.T) {
	for _, tc := range []struct{ in, want, fault string }{
		{in: "127.0.0.1:7001", want: "127.0.0.1:7001"},
		{in: "localhost:7001", want: "127.0.0.1:7001"},
		{in: "[::1]:7001", want: "[::1]:7001"},
		{in: "[::ffff:127.0.0.1]:7001", want: "127.0.0.1:7001"},
		{in: "127.0.0.1", fault: "want host:port"},
		{in: "127.0.0.1:0", fault: "port"},
		{in: "127.0.0.1:65536", fault: "port"},
		{in: "127.0.0.1:http", fault: "port"},
		{in: "example.org:7001", fault: "not a name"},
		{in: "", fault: "want host:port"},
	} {
		got, err := ParseAddress(tc.in)
		switch {
		case tc.fault == "" && (err != nil || got != netip.MustParseAddrPort(tc.want)):
			t.Errorf("%q: %v, %v; want %s", tc.in, got, err, tc.want)
		case tc.fault != "" && (err == nil || !strings.Contains(err.Error(), tc.fault) || !strings.Contains(err.Error(), tc.in)):
			t.Errorf("%q: %v, %v; want an error that names it and says %q", tc.in, got, err, tc.fault)
		}
	}
}

func TestCheck(t *testing.T) {
	two := func(a, b string) kv.Config {
		return kv.Config{Me: 1, Root: 1, Members: []marshal.Member{{ID: 1, Address: a}, {ID: 2, Address: b}}}
	}
	for name, tc := range map[string]struct {
		cfg  Config
		want error
	}{
		"loopback":         {Config{Config: two("127.0.0.1:1", "[::1]:1")}, nil},
		"own address":      {Config{Config: two("127.0.0.1:1", "127.0.0.1:2"), Listen: netip.MustParseAddrPort("127.0.0.1:1")}, nil},
		"another address":  {Config{Config: two("127.0.0.1:1", "127.0.0.1:2"), Listen: netip.MustParseAddrPort("127.0.0.1:3")}, kv.ErrConfig},
		"the same address": {Config{Config: two("127.0.0.1:1", "localhost:1")}, kv.ErrConfig},
		"a name":           {Config{Config: two("127.0.0.1:1", "db2.example.org:1")}, kv.ErrConfig},
		"a peer outside":   {Config{Config: two("127.0.0.1:1", "192.0.2.1:1")}, ErrInsecure},
		"itself outside":   {Config{Config: two("192.0.2.1:1", "127.0.0.1:1")}, ErrInsecure},
		"all addresses":    {Config{Config: two("127.0.0.1:1", "127.0.0.1:2"), Listen: netip.MustParseAddrPort("0.0.0.0:1")}, ErrInsecure},
		"insecure":         {Config{Config: two("127.0.0.1:1", "192.0.2.1:1"), Insecure: true, Listen: netip.MustParseAddrPort("0.0.0.0:1")}, nil},
		"forwarded":        {Config{Config: two("127.0.0.1:1", "127.0.0.1:2"), Insecure: true, Listen: netip.MustParseAddrPort("127.0.0.1:3")}, nil},
		"not a member":     {Config{Config: kv.Config{Me: 3, Root: 1, Members: two("127.0.0.1:1", "127.0.0.1:2").Members}}, kv.ErrConfig},
	} {
		if err := tc.cfg.Check(); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
}
