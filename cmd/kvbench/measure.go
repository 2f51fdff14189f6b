package main

import (
	"maps"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

const (
	// histogramMin and histogramMax bound what is told apart, in nanoseconds; what
	// lies beyond counts as the bound, and the greatest latency is kept exactly.
	histogramMin = int64(time.Microsecond)
	histogramMax = int64(2 * time.Minute)
	// histogramDigits is the number of significant digits that are kept.
	histogramDigits = 2
)

// A measurement is what one goroutine, or a whole run, has counted.
type measurement struct {
	histogram *hdrhistogram.Histogram
	max       time.Duration
	ops       uint64 // answered, errors not included
	errors    map[string]uint64
}

func newMeasurement() *measurement {
	return &measurement{histogram: hdrhistogram.New(histogramMin, histogramMax, histogramDigits), errors: map[string]uint64{}}
}

// record notes a call's latency.
func (m *measurement) record(latency time.Duration) {
	m.max = max(m.max, latency)
	// The value is inside of the bounds, so it cannot be refused.
	_ = m.histogram.RecordValue(min(max(int64(latency), histogramMin), histogramMax))
}

func (m *measurement) fail(kind string) { m.errors[kind]++ }

func (m *measurement) merge(o *measurement) {
	m.histogram.Merge(o.histogram)
	m.max = max(m.max, o.max)
	m.ops += o.ops
	for kind, n := range o.errors {
		m.errors[kind] += n
	}
}

// A result is a measurement as it is printed. Durations in JSON are microseconds.
type result struct {
	Ops        uint64            `json:"ops"`
	Seconds    float64           `json:"seconds"`
	Throughput float64           `json:"ops_per_second"`
	P50        float64           `json:"p50_us"`
	P99        float64           `json:"p99_us"`
	P999       float64           `json:"p99_9_us"`
	Max        float64           `json:"max_us"`
	Errors     map[string]uint64 `json:"errors"`
	// ServerCPU is what the server's processes spent per operation, in microseconds;
	// 0 where they are not ours to look at.
	ServerCPU float64 `json:"server_cpu_us_per_op,omitempty"`
}

func (m *measurement) result(took time.Duration) result {
	quantile := func(q float64) float64 {
		return min(micros(time.Duration(m.histogram.ValueAtQuantile(q))), micros(m.max))
	}
	return result{
		Ops: m.ops, Seconds: took.Seconds(), Throughput: float64(m.ops) / took.Seconds(),
		P50: quantile(50), P99: quantile(99), P999: quantile(99.9), Max: micros(m.max),
		Errors: maps.Clone(m.errors),
	}
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// failures is how many operations failed.
func (r result) failures() uint64 {
	var n uint64
	for _, count := range r.Errors {
		n += count
	}
	return n
}
