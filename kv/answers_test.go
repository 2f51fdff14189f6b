package kv

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"ironkv/marshal"
)

// TestAnswersAreAMap: whatever numbers come and go, a session has the answers that a map
// of them has, also those whose numbers want the same slot.
func TestAnswersAreAMap(t *testing.T) {
	for seed := range uint64(40) {
		random := rand.New(rand.NewPCG(seed, 1))
		s := &Session{SessionRecord: SessionRecord{ID: marshal.SessionID{byte(seed)}}}
		model := map[uint64]marshal.Message{}
		spread := uint64(1) << random.IntN(8)
		for step := range 2000 {
			number := 1 + spread*random.Uint64N(300)
			header := marshal.RequestHeader{Session: s.ID, Number: number}
			switch random.IntN(8) {
			case 0:
				answer := &marshal.Redirect{RequestHeader: header, Owner: 2}
				s.SetAnswer(number, answer)
				model[number] = answer
			case 1, 2, 3:
				answer := &marshal.SetReply{RequestHeader: header, Result: marshal.SetApplied, Version: marshal.Version(step)}
				s.SetAnswer(number, answer)
				model[number] = answer
			default:
				_, had := model[number]
				if s.DropAnswer(number) != had {
					t.Fatalf("seed %d, step %d: number %d: had an answer: %v", seed, step, number, had)
				}
				delete(model, number)
			}
			if step%100 == 0 {
				s.answers.shrink()
				sameAnswers(t, s, model)
			}
		}
		clone := &Session{SessionRecord: s.SessionRecord, answers: s.answers.clone()}
		for n := range s.Answers() {
			s.DropAnswer(n)
		}
		sameAnswers(t, s, nil)
		sameAnswers(t, clone, model)
	}
}

func sameAnswers(t *testing.T, s *Session, model map[uint64]marshal.Message) {
	t.Helper()
	want := slices.Sorted(maps.Keys(model))
	var got []uint64
	for n, answer := range s.Answers() {
		got = append(got, n)
		if !reflect.DeepEqual(answer, model[n]) {
			t.Fatalf("the answer to %d is %+v; want %+v", n, answer, model[n])
		}
	}
	if !slices.Equal(got, want) || s.AnswerCount() != len(want) {
		t.Fatalf("answers to %v, %d in all; want %v", got, s.AnswerCount(), want)
	}
	for n := range model {
		if !s.answered(n) {
			t.Fatalf("the answer to %d is not found", n)
		}
	}
}

// TestAnswersTakeNoMemoryByTheWrite: numbers that go on in a window need no memory.
func TestAnswersTakeNoMemoryByTheWrite(t *testing.T) {
	s, number := &Session{}, uint64(0)
	reply := &marshal.SetReply{}
	write := func() {
		for range 64 {
			number++
			s.SetAnswer(number, reply)
		}
		for n := number - 63; n <= number; n++ {
			s.DropAnswer(n)
		}
	}
	write()
	if n := testing.AllocsPerRun(100, write); n != 0 {
		t.Errorf("%v allocations for 64 answers", n)
	}
}

// BenchmarkAnswers records and forgets answers, of which so many follow each other.
func BenchmarkAnswers(b *testing.B) {
	for _, n := range []uint64{16, 1024} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s, reply := &Session{}, &marshal.SetReply{}
			for number := uint64(1); b.Loop(); number++ {
				s.SetAnswer(number, reply)
				if number > n {
					s.DropAnswer(number - n)
				}
			}
		})
	}
}
