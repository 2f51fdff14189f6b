package udp

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
	"slices"

	"golang.org/x/net/bpf"
)

const (
	// cellBits is the size of the hash by which a filter knows sources, and cells how many places
	// that makes, 32 in a word. The program for any pattern of open ones has at most 3,131
	// instructions, of the 4,096 that the kernel allows.
	cellBits = 15
	cells    = 1 << cellBits
	words    = cells / 32
	allOpen  = 1<<32 - 1 // a word
	// networkHeader is where a filter finds the IP header (SKF_NET_OFF); at 0 is the UDP header.
	networkHeader = -0x100000 & (1<<32 - 1)
	sourceV4      = networkHeader + 12
	sourceV6      = networkHeader + 8
	// passWhole is more than any datagram has: what a filter lets through it leaves whole.
	passWhole = 1 << 18
	// maxSkip is how far a conditional jump goes.
	maxSkip = 255
)

// A filter says which datagrams the kernel queues for a socket: those of sources whose cells are
// open, and one of so many of the others, at random.
type filter struct {
	key hashKey
	// open has a bit for each cell; where it is shorter than words, the upper bits of the hash say
	// which word.
	open  []uint32
	oneOf uint32 // of those whose cells are closed; at least 2
}

// hashKey makes the hash of sources one that nobody else can foretell.
type hashKey struct {
	start  uint32
	factor uint32 // odd
}

// cell returns the place of a source.
func (k hashKey) cell(src netip.AddrPort) uint16 {
	h := k.start
	if a := src.Addr(); a.Is4() {
		b := a.As4()
		h = k.mix(h, b[:])
	} else {
		b := a.As16()
		for i := 0; i < len(b); i += 4 {
			h = k.mix(h, b[i:])
		}
	}
	return uint16((h ^ uint32(src.Port())) * k.factor >> (32 - cellBits))
}

func (k hashKey) mix(h uint32, word []byte) uint32 {
	h = (h ^ binary.BigEndian.Uint32(word)) * k.factor
	return h ^ h>>15
}

// on reports whether there is a filter; the zero one lets everything through.
func (f *filter) on() bool { return len(f.open) > 0 }

// weight is of how many datagrams of a cell one passes.
func (f *filter) weight(cell uint16) uint32 {
	if !f.on() || f.open[int(cell)*len(f.open)/cells]>>(cell%32)&1 != 0 {
		return 1
	}
	return f.oneOf
}

// closed is how many cells are.
func (f *filter) closed() (n int) {
	for _, w := range f.open {
		n += bits.OnesCount32(^w) * words / len(f.open)
	}
	return n
}

// fold halves the size of the pattern: a cell is open where one of two was.
func (f *filter) fold() {
	half := make([]uint32, len(f.open)/2)
	for i := range half {
		half[i] = f.open[2*i] | f.open[2*i+1]
	}
	f.open = half
}

// program returns the filter for the kernel (classic BPF), or nil. The kernel's rule that jumps go
// forward only is kept by writing it from its end.
func (f *filter) program() []bpf.Instruction {
	if !f.on() {
		return nil
	}
	var b builder
	b.emit(bpf.RetConstant{Val: 0})
	drop := len(b)
	b.emit(bpf.RetConstant{Val: passWhole})
	pass := len(b)
	b.emit(bpf.JumpIf{Cond: bpf.JumpGreaterOrEqual, Val: uint32(1 << 32 / uint64(f.oneOf)), SkipTrue: b.skip(drop), SkipFalse: b.skip(pass)},
		bpf.LoadExtension{Num: bpf.ExtRand})
	chance := len(b)
	b.emit(bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: 1, SkipTrue: b.skip(pass), SkipFalse: b.skip(chance)},
		bpf.ALUOpX{Op: bpf.ALUOpShiftRight})
	t := tree{&b, pass, chance, len(b)}
	t.add(f.open, 0)
	// The number of the word is in A, that of the bit in X.
	b.emit(bpf.ALUOpConstant{Op: bpf.ALUOpShiftRight, Val: uint32(bits.Len(uint(cells/len(f.open))) - 1)}, bpf.LoadScratch{Dst: bpf.RegA},
		bpf.TAX{}, bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: 31}, bpf.StoreScratch{Src: bpf.RegA},
		bpf.ALUOpConstant{Op: bpf.ALUOpShiftRight, Val: 32 - cellBits})
	f.hash(&b)
	slices.Reverse(b)
	return b
}

// hash writes what leaves the last product of hashKey.cell in A.
func (f *filter) hash(b *builder) {
	b.emit(bpf.ALUOpConstant{Op: bpf.ALUOpMul, Val: f.key.factor}, bpf.ALUOpX{Op: bpf.ALUOpXor}, bpf.LoadAbsolute{Off: 0, Size: 2})
	port := len(*b)
	for _, word := range []uint32{12, 8, 4, 0} {
		f.mix(b, sourceV6+word)
	}
	v6 := len(*b)
	b.emit(bpf.Jump{Skip: uint32(b.skip(port))})
	f.mix(b, sourceV4)
	b.emit(bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: 4, SkipTrue: b.skip(v6)}, bpf.ALUOpConstant{Op: bpf.ALUOpShiftRight, Val: 4},
		bpf.LoadAbsolute{Off: networkHeader, Size: 1}, bpf.LoadConstant{Dst: bpf.RegX, Val: f.key.start})
}

// mix writes hashKey.mix of X and a word of the packet, into X.
func (f *filter) mix(b *builder, at uint32) {
	b.emit(bpf.TAX{}, bpf.ALUOpX{Op: bpf.ALUOpXor}, bpf.ALUOpConstant{Op: bpf.ALUOpShiftRight, Val: 15}, bpf.TAX{},
		bpf.ALUOpConstant{Op: bpf.ALUOpMul, Val: f.key.factor}, bpf.ALUOpX{Op: bpf.ALUOpXor}, bpf.LoadAbsolute{Off: at, Size: 4})
}

// builder is a program written from its end: a place is how many instructions come from there on.
type builder []bpf.Instruction

// emit writes instructions, the last one of them first.
func (b *builder) emit(list ...bpf.Instruction) { *b = append(*b, list...) }

// skip is how many instructions lie between the next one and a place near the end.
func (b *builder) skip(place int) uint8 { return uint8(len(*b) - place) }

// tree finds the word whose number is in A by halves. Where all bits are alike it need not look.
type tree struct {
	*builder
	pass, chance, test int
}

func (t *tree) add(open []uint32, first int) {
	switch alike := uniform(open); {
	case alike && open[0] == 0:
		t.jump(t.chance)
	case alike && open[0] == allOpen:
		t.jump(t.pass)
	case len(open) == 1:
		t.jump(t.test)
		t.emit(bpf.LoadConstant{Dst: bpf.RegA, Val: open[0]})
	default:
		half := len(open) / 2
		t.add(open[half:], first+half)
		upper := len(*t.builder)
		t.add(open[:half], first)
		branch := bpf.JumpIf{Cond: bpf.JumpGreaterOrEqual, Val: uint32(first + half)}
		if lower := len(*t.builder) - upper; lower <= maxSkip {
			branch.SkipTrue = uint8(lower)
		} else {
			t.jump(upper)
			branch.Cond, branch.SkipTrue, branch.SkipFalse = bpf.JumpLessThan, 1, 0
		}
		t.emit(branch)
	}
}

func (t *tree) jump(place int) { t.emit(bpf.Jump{Skip: uint32(len(*t.builder) - place)}) }

func uniform(list []uint32) bool {
	for _, w := range list {
		if w != list[0] {
			return false
		}
	}
	return true
}
