package marshal

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"ironkv/delegation"
)

// A generator makes random messages by walking their types, so that a field
// that is added to a message, and forgotten in its bytes, fails the round trip.
type generator struct {
	rng *rand.Rand
	max int // greatest length of keys, values, texts and lists; at least 2
}

func newGenerator(seed uint64) *generator {
	return &generator{rng: rand.New(rand.NewPCG(seed, 1)), max: 20}
}

// allKinds returns the codes of all messages, in ascending order.
func allKinds() []kind {
	var all []kind
	for k := kind(0); int(k) < len(kinds); k++ {
		if k.known() {
			all = append(all, k)
		}
	}
	return all
}

// message returns a random message of kind k in the form in which it decodes:
// without fields that have no meaning, with nil for what is empty.
func (g *generator) message(k kind) Message {
	m := newMessage(k)
	g.fill(reflect.ValueOf(m).Elem(), "")
	switch m := m.(type) {
	case *SetRequest:
		if m.Delete {
			m.Value = nil
		}
	case *GetReply:
		if !m.Found {
			m.Value = nil
		}
	}
	return m
}

// eachMessage runs check as a subtest per type, with count messages of it.
func eachMessage(t *testing.T, count int, check func(*testing.T, Message)) {
	t.Helper()
	for _, k := range allKinds() {
		t.Run(kinds[k].name, func(t *testing.T) {
			g := newGenerator(uint64(k))
			for range count {
				check(t, g.message(k))
			}
		})
	}
}

// number is spread evenly over the lengths of numbers, so that all encodings occur.
func (g *generator) number(bits int) uint64 {
	return g.rng.Uint64() >> (64 - bits) >> g.rng.IntN(bits+1)
}

func (g *generator) bytes(least int) []byte {
	b := make([]byte, least+g.rng.IntN(g.max))
	for i := range b {
		b[i] = byte(g.rng.Uint32())
	}
	return b
}

func (g *generator) bound() delegation.Bound {
	switch g.rng.IntN(4) {
	case 0:
		return delegation.NegInf
	case 1:
		return delegation.PosInf
	}
	return delegation.At(delegation.Key(g.bytes(1)))
}

// span returns a range that holds keys, or any where that is allowed.
func (g *generator) span(mayBeEmpty bool) delegation.Range {
	r := delegation.Range{From: g.bound(), Until: g.bound()}
	for r.Empty() && (!mayBeEmpty || g.rng.IntN(2) == 0) {
		r = delegation.Range{From: g.bound(), Until: g.bound()}
	}
	return r
}

// enumCounts says how many values the enumerations have.
var enumCounts = map[reflect.Type]uint64{
	reflect.TypeFor[ScanMode]():      uint64(numScanModes),
	reflect.TypeFor[SetResult]():     uint64(numSetResults),
	reflect.TypeFor[MoveAction]():    uint64(numMoveActions),
	reflect.TypeFor[MovePhase]():     uint64(numMovePhases),
	reflect.TypeFor[OrderReason]():   uint64(numOrderReasons),
	reflect.TypeFor[RefusalReason](): uint64(numRefusalReasons),
}

// mayBeEmpty names the messages whose range may hold no key.
var mayBeEmpty = map[string]bool{
	"ScanRequest": true, "Shard": true, "ScanReply": true, "OrderReply": true, "Redirect": true, "MoveStatus": true,
}

// fill sets v, a part of the struct or list that is called in, at random.
func (g *generator) fill(v reflect.Value, in string) {
	switch v.Type() {
	case reflect.TypeFor[delegation.Bound]():
		v.Set(reflect.ValueOf(g.bound()))
		return
	case reflect.TypeFor[delegation.Range]():
		v.Set(reflect.ValueOf(g.span(mayBeEmpty[in])))
		return
	case reflect.TypeFor[delegation.Key]():
		v.SetString(string(g.bytes(1)))
		return
	case reflect.TypeFor[Condition]():
		if g.rng.IntN(2) == 0 {
			v.Set(reflect.ValueOf(Condition{Set: true, Version: Version(g.number(64))}))
		}
		return
	case reflect.TypeFor[Hint]():
		if g.rng.IntN(2) == 0 {
			return
		}
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).Name == "QuietMillis" {
				v.Field(i).SetUint(g.rng.Uint64N(MaxQuietMillis + 1))
				continue
			}
			g.fill(v.Field(i), v.Type().Name())
		}
	case reflect.Bool:
		v.SetBool(g.rng.IntN(2) == 0)
	case reflect.String:
		v.SetString(string(g.bytes(0)))
	case reflect.Uint8, reflect.Uint32, reflect.Uint64:
		if count, ok := enumCounts[v.Type()]; ok {
			v.SetUint(g.rng.Uint64N(count))
			return
		}
		v.SetUint(g.number(v.Type().Bits()))
	case reflect.Array:
		for i := range v.Len() {
			v.Index(i).SetUint(uint64(g.rng.Uint32N(256)))
		}
	case reflect.Slice:
		g.fillSlice(v, in)
	default:
		panic(fmt.Sprintf("no way to fill a %v", v.Type()))
	}
}

func (g *generator) fillSlice(v reflect.Value, in string) {
	if v.Type() == reflect.TypeFor[[]byte]() {
		if b := g.bytes(0); len(b) > 0 {
			v.SetBytes(b)
		}
		return
	}
	n := g.rng.IntN(g.max)
	if n == 0 {
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), n, n))
	for i := range n {
		g.fill(v.Index(i), in)
	}
}
