package server

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"

	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/marshal"
)

// members knows the cluster's hosts by id and by address. A host's address is
// its identity until hosts are authenticated.
type members struct {
	ids       map[netip.AddrPort]delegation.HostID
	addresses map[delegation.HostID]netip.AddrPort
}

// newMembers resolves the members' addresses. It fails with kv.ErrConfig.
func newMembers(list []marshal.Member) (members, error) {
	m := members{ids: map[netip.AddrPort]delegation.HostID{}, addresses: map[delegation.HostID]netip.AddrPort{}}
	for _, member := range list {
		addr, err := ParseAddress(member.Address)
		if err != nil {
			return m, fmt.Errorf("%w: host %d: %w", kv.ErrConfig, member.ID, err)
		}
		if other, taken := m.ids[addr]; taken {
			return m, fmt.Errorf("%w: hosts %d and %d have the same address %s", kv.ErrConfig, other, member.ID, addr)
		}
		m.ids[addr] = member.ID
		m.addresses[member.ID] = addr
	}
	return m, nil
}

// addressOf returns where host id is. The machine names no host that is not a
// member: that its answers go nowhere else is an invariant (AllDelegationsToKnownHosts).
func (m *members) addressOf(id delegation.HostID) netip.AddrPort {
	addr, ok := m.addresses[id]
	if !ok {
		panic(fmt.Sprintf("server: AllDelegationsToKnownHosts broken: a packet for host %d, which is no member", id))
	}
	return addr
}

// checkLoopback fails with [ErrInsecure] where the listening address or a member
// lies beyond this machine.
func (m *members) checkLoopback(listen netip.AddrPort) error {
	all := []netip.AddrPort{listen}
	for _, id := range slices.Sorted(maps.Keys(m.addresses)) {
		all = append(all, m.addresses[id])
	}
	for _, addr := range all {
		if !addr.Addr().IsLoopback() {
			return fmt.Errorf("%s is %w: hosts and clients are not authenticated yet, so whoever reaches it could pose as one",
				addr, ErrInsecure)
		}
	}
	return nil
}

// ParseAddress reads "host:port", where host is an IP address or "localhost"
// (127.0.0.1). Other names are refused: a host is known by its address, and what
// a name means may change.
func ParseAddress(s string) (netip.AddrPort, error) {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("address %q: want host:port, as in 127.0.0.1:7001", s)
	}
	if host == "localhost" {
		host = "127.0.0.1"
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("address %q: the host must be an IP address or localhost, not a name", s)
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil || number == 0 {
		return netip.AddrPort{}, fmt.Errorf("address %q: the port must be a number from 1 to 65535", s)
	}
	return netip.AddrPortFrom(ip.Unmap(), uint16(number)), nil
}
