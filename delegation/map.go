package delegation

import (
	"errors"
	"fmt"
	"strings"
)

var (
	// ErrNoHost says that a range was to be given to the zero [HostID], which
	// names no host: a map is total, so no key can be without an owner.
	ErrNoHost = errors.New("no host")
	// ErrInvalidMap says that boundaries do not form a delegation map; the error
	// that wraps it names the boundary that breaks an invariant.
	ErrInvalidMap = errors.New("invalid delegation map")
)

// A boundary says that host owns every key from here up to the next boundary. No
// boundary is at +∞, and the empty string stands for −∞, so the bound needs no
// more than its key.
type boundary struct {
	key  string
	host HostID
}

// A Map is the delegation map: a total function from keys to hosts.
//
// It holds boundaries, each the low bound of a range and the host that owns all
// keys from there up to the next boundary. Invariants (see [Map.Check]), which
// hold between any two calls:
//
//   - the first boundary is −∞, so every key has an owner;
//   - boundaries are strictly ascending, so no key has two;
//   - no two neighbours have the same host, so equal functions are equal maps;
//   - no host is zero and no bound is longer than [MaxBoundBytes].
//
// They are CDelegationMapIsComplete and CDelegationMapIsSorted of IronFleet
// (Impl/SHT/Delegations.i.dfy); that maps are canonical is our addition.
//
// The zero Map is not usable: begin with [NewMap] or [MapOf]. Calls that only
// read may run concurrently with one another; [Map.Assign] and [Map.Clone] may
// not run concurrently with any other call on the same map.
type Map struct {
	tree
}

// NewMap returns the map in which root owns every key, as the root host does in
// the beginning. The zero root is a bug of the caller, and panics.
func NewMap(root HostID) *Map {
	if root == 0 {
		panic("delegation.NewMap: host 0 cannot own keys (invariant MapComplete)")
	}
	return &Map{tree: newTree(boundary{host: root})}
}

// Lookup returns the host that owns key, in time logarithmic in [Map.Len] and
// without allocating. It is never zero.
func (m *Map) Lookup(key Key) HostID {
	leaf, i := m.find(string(key))
	return leaf.entries[i].host
}

// LookupRange returns the widest range around key that has one owner, and that
// owner: what a redirect says.
func (m *Map) LookupRange(key Key) (Range, HostID) {
	low := m.floor(string(key))
	r := Range{From: Bound{key: low.key}, Until: PosInf}
	if high, ok := m.above(string(key)); ok {
		r.Until = Bound{key: high.key}
	}
	return r, low.host
}

// OwnsAll reports whether h owns every key of r. It is false for an empty r:
// nobody can give away nothing.
func (m *Map) OwnsAll(r Range, h HostID) bool {
	if r.Empty() || m.floor(r.From.key).host != h {
		return false
	}
	// In a canonical map a boundary inside r is a change of owner.
	_, ok := m.firstInside(r)
	return !ok
}

// Assign gives every key of r to h and leaves all other keys with their owners.
// The map keeps no memory of r's bounds: what it stores, it copies.
//
// It fails, and changes nothing, with [ErrEmptyRange] where r is empty, with
// [ErrNoHost] where h is zero, and with [ErrKeyLength] where a bound is longer
// than [MaxBoundBytes].
//
// It takes logarithmic time for each boundary that it adds or removes; it adds
// at most two. Source: UpdateCDelegationMap, Impl/SHT/Delegations.i.dfy.
func (m *Map) Assign(r Range, h HostID) error {
	if err := checkAssign(r, h); err != nil {
		return fmt.Errorf("assign %v to host %v: %w", r, h, err)
	}
	var left, right HostID // the owners just below and just above r; 0: nothing there
	if below, ok := m.below(r.From.key); ok {
		left = below.host
	}
	if !r.Until.inf {
		right = m.floor(r.Until.key).host
	}
	for b, ok := m.firstInside(r); ok; b, ok = m.firstInside(r) {
		m.delete(b.key)
	}
	m.put(boundary{key: r.From.key, host: h}, left)
	if !r.Until.inf {
		m.put(boundary{key: r.Until.key, host: right}, h)
	}
	return nil
}

// put makes b a boundary, or no boundary where its host owns the keys just below
// it too. It leaves the tree alone where nothing changes, for each change may
// copy nodes that a clone shares.
func (m *Map) put(b boundary, below HostID) {
	old, exists := m.get(b.key)
	switch {
	case b.host == below:
		if exists {
			m.delete(b.key)
		}
		return
	case exists && old.host == b.host:
		return
	case exists:
		b.key = old.key // ours already
	default:
		b.key = strings.Clone(b.key) // r may alias a datagram
	}
	m.set(b)
}

// checkAssign tells why r cannot be assigned to h, if it cannot.
func checkAssign(r Range, h HostID) error {
	switch {
	case r.Empty():
		return ErrEmptyRange
	case h == 0:
		return ErrNoHost
	}
	for _, b := range []Bound{r.From, r.Until} {
		if len(b.key) > MaxBoundBytes {
			return fmt.Errorf("%w: a bound of %d bytes, at most %d", ErrKeyLength, len(b.key), MaxBoundBytes)
		}
	}
	return nil
}

// Clone returns an independent copy in constant time: the two share nodes until
// one of them changes those.
func (m *Map) Clone() *Map { return &Map{tree: m.clone()} }

// Len returns the number of boundaries, which is the number of maximal ranges:
// at least 1.
func (m *Map) Len() int { return m.count }

// Equal reports whether every key has the same owner in both maps. Since maps
// are canonical, that is whether they hold the same boundaries.
func (m *Map) Equal(o *Map) bool {
	if m.Len() != o.Len() {
		return false
	}
	equal := true
	m.ascend("", func(b boundary) bool {
		other, ok := o.get(b.key)
		equal = ok && other.host == b.host
		return equal
	})
	return equal
}

// firstInside returns the first boundary that lies strictly between the bounds
// of r, which is not empty.
func (m *Map) firstInside(r Range) (b boundary, ok bool) {
	b, ok = m.above(r.From.key)
	return b, ok && (r.Until.inf || b.key < r.Until.key)
}
