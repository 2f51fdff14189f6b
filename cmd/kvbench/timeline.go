package main

import (
	"sync/atomic"
	"time"
)

// timelineStep is the width of a timeline's interval.
const timelineStep = 100 * time.Millisecond

// A timeline counts operations, and keeps the longest latency, per interval. An
// operation stands where it ended.
type timeline struct {
	start time.Time
	count []atomic.Uint64
	worst []atomic.Int64 // nanoseconds
}

// newTimeline begins now and covers length; what comes later is not kept.
func newTimeline(length time.Duration) *timeline {
	n := int(length/timelineStep) + 1
	return &timeline{start: time.Now(), count: make([]atomic.Uint64, n), worst: make([]atomic.Int64, n)}
}

func (t *timeline) record(end time.Time, latency time.Duration, ops int) {
	i := int(end.Sub(t.start) / timelineStep)
	if i < 0 || i >= len(t.count) {
		return
	}
	t.count[i].Add(uint64(ops))
	for worst := t.worst[i].Load(); int64(latency) > worst; worst = t.worst[i].Load() {
		if t.worst[i].CompareAndSwap(worst, int64(latency)) {
			return
		}
	}
}

// A moment is one interval of a timeline, as it is printed and drawn.
type moment struct {
	Seconds    float64 `json:"seconds"` // when it began
	Throughput float64 `json:"ops_per_second"`
	Max        float64 `json:"max_us"`
}

// moments returns the intervals that are over.
func (t *timeline) moments() []moment {
	n := min(int(time.Since(t.start)/timelineStep), len(t.count))
	out := make([]moment, n)
	for i := range out {
		out[i] = moment{
			Seconds:    (time.Duration(i) * timelineStep).Seconds(),
			Throughput: float64(t.count[i].Load()) / timelineStep.Seconds(),
			Max:        micros(time.Duration(t.worst[i].Load())),
		}
	}
	return out
}
