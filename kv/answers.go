package kv

import (
	"iter"
	"maps"
	"slices"

	"ironkv/marshal"
)

const (
	// keptSlots is how many slots (3 KiB) a session keeps in any case without the answers
	// for them: those of common batches, so that these take no memory each time.
	keptSlots = 128
	// leastSlots is how many a session with an answer has at least, a power of two.
	leastSlots = 8
)

// answers are the recorded answers of a session, by number. Each write adds one and
// forgets another, so those of writes are kept by value, in a table of open addresses
// with linear probing: numbers that follow each other never meet there.
type answers struct {
	// table has a length of 0 or a power of two, and is at most three quarters full. A
	// number's home is its remainder by that; it stands there, or behind it without a gap.
	table  []written
	n      int                        // slots of table that are used
	astray int                        // of these, not at home
	others map[uint64]marshal.Message // answers of other kinds
}

// written is a SetReply without what the session and its place say.
type written struct {
	number  uint64 // 0: the slot is free
	version marshal.Version
	result  marshal.SetResult
}

func (a *answers) home(number uint64) int { return int(number) & (len(a.table) - 1) }

// find returns the slot of number, or the free one where it would be.
func (a *answers) find(number uint64) (slot int, found bool) {
	mask := len(a.table) - 1
	if mask < 0 {
		return 0, false
	}
	for slot = a.home(number); a.table[slot].number != 0; slot = (slot + 1) & mask {
		if a.table[slot].number == number {
			return slot, true
		}
	}
	return slot, false
}

func (a *answers) put(w written) {
	slot, found := a.find(w.number)
	if !found {
		if 4*(a.n+1) > 3*len(a.table) {
			a.resize(max(leastSlots, 2*len(a.table)))
			slot, _ = a.find(w.number)
		}
		a.n++
		a.place(slot, w)
		return
	}
	a.table[slot] = w
}

// place fills a slot that is free.
func (a *answers) place(slot int, w written) {
	a.table[slot] = w
	if slot != a.home(w.number) {
		a.astray++
	}
}

// free takes out what is in a slot.
func (a *answers) free(slot int) (w written) {
	w, a.table[slot] = a.table[slot], written{}
	if slot != a.home(w.number) {
		a.astray--
	}
	return w
}

// drop frees the slot of number, and moves those up that stand behind it only because
// it was there (D. Knuth, The Art of Computer Programming, 6.4, algorithm R).
func (a *answers) drop(number uint64) bool {
	hole, found := a.find(number)
	if !found {
		return false
	}
	a.n--
	a.free(hole)
	mask := len(a.table) - 1
	for next := (hole + 1) & mask; a.astray > 0 && a.table[next].number != 0; next = (next + 1) & mask {
		if (next-a.home(a.table[next].number))&mask >= (next-hole)&mask {
			a.place(hole, a.free(next))
			hole = next
		}
	}
	return true
}

// shrink gives memory back that a few answers do not need.
func (a *answers) shrink() {
	size := len(a.table)
	for size > keptSlots && 8*a.n <= size {
		size /= 2
	}
	if size < len(a.table) {
		a.resize(size)
	}
}

func (a *answers) resize(size int) {
	old := a.table
	a.table, a.astray = make([]written, size), 0
	for _, w := range old {
		if w.number != 0 {
			slot, _ := a.find(w.number)
			a.place(slot, w)
		}
	}
}

func (a *answers) clone() answers {
	c := *a
	c.table, c.others = slices.Clone(a.table), maps.Clone(a.others)
	return c
}

// AnswerCount is how many answers are recorded.
func (s *Session) AnswerCount() int { return s.answers.n + len(s.answers.others) }

// Answer returns the recorded answer to a number.
func (s *Session) Answer(number uint64) (answer marshal.Message, ok bool) {
	if slot, found := s.answers.find(number); found {
		w := s.answers.table[slot]
		return &marshal.SetReply{
			RequestHeader: marshal.RequestHeader{Session: s.ID, Number: number}, Result: w.result, Version: w.version,
		}, true
	}
	answer, ok = s.answers.others[number]
	return answer, ok
}

// answered reports whether a number has its answer.
func (s *Session) answered(number uint64) bool {
	_, ok := s.Answer(number)
	return ok
}

// Answers are the recorded answers by ascending number: those at or above Floor, and a
// few below it that have not been forgotten yet. They may be dropped meanwhile.
func (s *Session) Answers() iter.Seq2[uint64, marshal.Message] {
	numbers := slices.Collect(maps.Keys(s.answers.others))
	for _, w := range s.answers.table {
		if w.number != 0 {
			numbers = append(numbers, w.number)
		}
	}
	slices.Sort(numbers)
	return func(yield func(uint64, marshal.Message) bool) {
		for _, n := range numbers {
			if answer, ok := s.Answer(n); ok && !yield(n, answer) {
				return
			}
		}
	}
}

// SetAnswer records the answer to a number above 0, which names the session and the
// number. It keeps answers of other kinds than [marshal.SetReply] as they are.
func (s *Session) SetAnswer(number uint64, answer marshal.Message) {
	if r, ok := answer.(*marshal.SetReply); ok {
		delete(s.answers.others, number)
		s.answers.put(written{number: number, version: r.Version, result: r.Result})
		return
	}
	s.answers.drop(number)
	if s.answers.others == nil {
		s.answers.others = map[uint64]marshal.Message{}
	}
	s.answers.others[number] = answer
}

// DropAnswer forgets the answer to a number, and reports whether there was one.
func (s *Session) DropAnswer(number uint64) bool {
	if s.answers.drop(number) {
		return true
	}
	_, ok := s.answers.others[number]
	delete(s.answers.others, number)
	return ok
}
