package udp

import "math/bits"

// buffers keeps byte slices for reuse, by size class: four classes to a power of two, so a buffer is
// at most a quarter larger than what was asked for (but never below minBuffer).
type buffers struct {
	free     [bufferClasses][][]byte
	retained int // bytes now in free, at most maxRetained
}

const (
	// minBuffer is the least capacity, in bytes: a datagram of the usual size.
	minBuffer     = 2 << 10
	bufferClasses = 4*20 + 1 // 2 KiB to 2 GiB
	// maxRetained bounds the bytes kept for reuse.
	maxRetained = 32 << 20
	// maxSpares bounds the structures of one kind kept for reuse.
	maxSpares = 1024
)

// bufferClass returns the least class whose buffers hold n bytes, and their capacity.
func bufferClass(n int) (class, size int) {
	if n <= minBuffer {
		return 0, minBuffer
	}
	exp := bits.Len(uint(n-1)) - 1 // 2^exp < n <= 2^(exp+1)
	base := 1 << exp
	quarter := (n - base + base/4 - 1) / (base / 4) // 1 to 4
	return 4*(exp-bits.Len(minBuffer)+1) + quarter, base + quarter*(base/4)
}

// get returns an empty slice with room for n bytes or more. What lies behind it is not cleared.
func (p *buffers) get(n int) []byte {
	class, size := bufferClass(n)
	if list := p.free[class]; len(list) > 0 {
		b := list[len(list)-1]
		list[len(list)-1] = nil
		p.free[class] = list[:len(list)-1]
		p.retained -= size
		return b
	}
	return make([]byte, 0, size)
}

// put takes back a slice that get returned, which the caller must not use any more.
func (p *buffers) put(b []byte) {
	class, size := bufferClass(cap(b))
	if size != cap(b) {
		panic("udp: a buffer came back with another capacity than it was given out with")
	}
	if p.retained+size > maxRetained {
		return
	}
	p.free[class] = append(p.free[class], b[:0])
	p.retained += size
}

// grow returns b with room for n more bytes, moved to a larger buffer where needed.
func (p *buffers) grow(b []byte, n int) []byte {
	if len(b)+n <= cap(b) {
		return b
	}
	larger := append(p.get(max(len(b)+n, 2*cap(b))), b...)
	p.put(b)
	return larger
}

// takeSpare takes a structure from a list of spare ones, or makes one.
func takeSpare[T any](list *[]*T) *T {
	n := len(*list)
	if n == 0 {
		return new(T)
	}
	v := (*list)[n-1]
	*list = (*list)[:n-1]
	return v
}

// fifo is a queue; the zero value is empty.
type fifo[T any] struct {
	items []T
	head  int
}

func (q *fifo[T]) len() int { return len(q.items) - q.head }
func (q *fifo[T]) push(v T) { q.items = append(q.items, v) }
func (q *fifo[T]) peek() T  { return q.items[q.head] }

func (q *fifo[T]) pop() T {
	v := q.items[q.head]
	var zero T
	q.items[q.head] = zero
	q.head++
	if q.head == len(q.items) {
		q.items, q.head = q.items[:0], 0
	} else if q.head > 64 && q.head > len(q.items)/2 {
		n := copy(q.items, q.items[q.head:])
		clear(q.items[n:])
		q.items, q.head = q.items[:n], 0
	}
	return v
}

// popLast removes the one that was pushed last.
func (q *fifo[T]) popLast() T {
	last := len(q.items) - 1
	v := q.items[last]
	var zero T
	q.items[last] = zero
	q.items = q.items[:last]
	if q.head == last {
		q.items, q.head = q.items[:0], 0
	}
	return v
}

func (q *fifo[T]) clear() {
	clear(q.items)
	q.items, q.head = q.items[:0], 0
}
