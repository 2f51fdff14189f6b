package udp

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"golang.org/x/net/bpf"
)

// A machine runs a program as the kernel does, on the packet of one datagram. Package bpf has one,
// which knows neither the IP header nor randomness.
type machine struct {
	a, x, scratch uint32
	ip, udp       []byte
	random        uint32
}

// packet is the headers of a datagram from src, as far as they are looked at.
func packet(src netip.AddrPort) (ip, udp []byte) {
	udp = binary.BigEndian.AppendUint16(nil, src.Port())
	if src.Addr().Is4() {
		return append([]byte{0x45, 11: 0}, src.Addr().AsSlice()...), udp
	}
	return append([]byte{0x60, 7: 0}, src.Addr().AsSlice()...), udp
}

func (m *machine) load(at uint32, size int) (v uint32) {
	from := m.udp
	if at >= networkHeader {
		from, at = m.ip, at-networkHeader
	}
	for _, b := range from[at : at+uint32(size)] {
		v = v<<8 | uint32(b)
	}
	return v
}

func compute(op bpf.ALUOp, a, b uint32) uint32 {
	switch op { //nolint:exhaustive // the program has no others
	case bpf.ALUOpMul:
		return a * b
	case bpf.ALUOpXor:
		return a ^ b
	case bpf.ALUOpAnd:
		return a & b
	case bpf.ALUOpShiftRight:
		return a >> b
	}
	panic(fmt.Sprintf("operation %d", op))
}

func holds(c bpf.JumpTest, a, b uint32) bool {
	switch c { //nolint:exhaustive // as above
	case bpf.JumpGreaterOrEqual:
		return a >= b
	case bpf.JumpLessThan:
		return a < b
	case bpf.JumpNotEqual:
		return a != b
	case bpf.JumpBitsSet:
		return a&b != 0
	}
	panic(fmt.Sprintf("test %d", c))
}

// run returns how many bytes of the packet are let through.
func (m *machine) run(program []bpf.Instruction) uint32 {
	for at := 0; ; at++ {
		switch i := program[at].(type) {
		case bpf.LoadConstant:
			if i.Dst == bpf.RegX {
				m.x = i.Val
			} else {
				m.a = i.Val
			}
		case bpf.LoadScratch:
			m.a = m.scratch
		case bpf.StoreScratch:
			m.scratch = m.a
		case bpf.LoadAbsolute:
			m.a = m.load(i.Off, i.Size)
		case bpf.LoadExtension:
			m.a = m.random
		case bpf.ALUOpConstant:
			m.a = compute(i.Op, m.a, i.Val)
		case bpf.ALUOpX:
			m.a = compute(i.Op, m.a, m.x)
		case bpf.TAX:
			m.x = m.a
		case bpf.Jump:
			at += int(i.Skip)
		case bpf.JumpIf:
			if holds(i.Cond, m.a, i.Val) {
				at += int(i.SkipTrue)
			} else {
				at += int(i.SkipFalse)
			}
		case bpf.RetConstant:
			return i.Val
		default:
			panic(fmt.Sprintf("instruction %T", i))
		}
	}
}

// anyone returns some address, of either family.
func anyone(rng *rand.Rand) netip.AddrPort {
	var b [16]byte
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	port := uint16(rng.Uint32())
	if rng.IntN(2) == 0 {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[:4])), port)
	}
	return netip.AddrPortFrom(netip.AddrFrom16(b).Unmap(), port)
}

// patterns are words of open cells: all alike, few unlike the others, and such as need the longest
// program.
func patterns(rng *rand.Rand) (list [][]uint32) {
	for _, few := range []int{0, 1, 10, 300, 3000, cells} {
		open, most := make([]uint32, words), make([]uint32, words)
		for range few {
			cell := rng.IntN(cells)
			open[cell/32] |= 1 << (cell % 32)
		}
		for i := range open {
			most[i] = ^open[i]
		}
		list = append(list, open, most)
	}
	return append(list, slices.Repeat([]uint32{0x5555AAAA, 1}, words/2))
}

// The kernel's program lets through whom the filter says, at any size of the pattern, and is none too
// long for the kernel.
func TestProgram(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, open := range patterns(rng) {
		f := filter{key: hashKey{rng.Uint32(), rng.Uint32() | 1}, open: open, oneOf: 8}
		for len(f.open) > 1 {
			program := f.program()
			raw, err := bpf.Assemble(program)
			if err != nil || len(raw) > 4096 {
				t.Fatalf("%d instructions: %v", len(raw), err)
			}
			for range 300 {
				src := anyone(rng)
				passes := f.weight(f.key.cell(src)) == 1
				for random, lucky := range map[uint32]bool{0: true, 1<<29 - 1: true, 1 << 29: false, 1<<32 - 1: false} {
					m := machine{random: random}
					m.ip, m.udp = packet(src)
					if got := m.run(program); got != 0 != (passes || lucky) || got != 0 && got < 1<<16 {
						t.Fatalf("%v, open %v, random number %#x: %d bytes pass", src, passes, random, got)
					}
				}
			}
			f.fold()
		}
	}
}

// What was open before a pattern is made coarser is open after it.
func TestFolding(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, open := range patterns(rng) {
		fine := filter{open: open, oneOf: 8}
		coarse := fine
		coarse.fold()
		coarse.fold()
		for cell := range uint16(cells) {
			if fine.weight(cell) == 1 && coarse.weight(cell) != 1 {
				t.Fatalf("cell %d was open", cell)
			}
		}
		if fine.closed() == cells != (coarse.closed() == cells) {
			t.Errorf("%d and %d closed", fine.closed(), coarse.closed())
		}
	}
}
