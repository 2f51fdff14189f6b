package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"
)

// ioThreadsClients and the defaults of get are the load with which a peer's settings
// are tried.
const ioThreadsClients = 64

// A trial is one setting of a peer's io-threads, and what it came to.
type trial struct {
	threads    int
	throughput spread
}

// tryIOThreads measures a peer with one thread and with as many as there are cores, by
// gets of 128 bytes through rueidis, interleaved, and returns the faster setting first.
func tryIOThreads(ctx context.Context, f *compareFlags) (trials []trial, err error) {
	load := workload{Op: opGet, ValueBytes: defaultValueBytes, Keys: 1000, Distribution: uniform}
	runs := map[int][]float64{}
	stores := map[int]store{}
	settings := []int{1}
	if n := runtime.NumCPU(); n > 1 {
		settings = append(settings, n)
	}
	for _, n := range settings {
		s, err := startRedis(ctx, redisPlan{binary: f.peer, nodes: 1, ioThreads: n})
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, s.stop()) }()
		st, err := dialRueidis(s.addrs)
		if err != nil {
			return nil, err
		}
		defer func() { _ = st.close() }() // it has been measured
		if err := fill(ctx, st, load, func(int) {}); err != nil {
			return nil, err
		}
		stores[n] = st
	}
	for range f.runs {
		for _, n := range settings {
			r, err := loop{store: stores[n], load: load, clients: ioThreadsClients}.measure(ctx, f.warmup, f.duration, nil)
			if err != nil {
				return nil, err
			}
			runs[n] = append(runs[n], r.Throughput)
		}
	}
	for _, n := range settings {
		t := trial{n, spreadOf(runs[n], func(v float64) float64 { return v })}
		if len(trials) > 0 && t.throughput.Median > trials[0].throughput.Median {
			trials = append([]trial{t}, trials...)
			continue
		}
		trials = append(trials, t)
	}
	return trials, nil
}

// chooseIOThreads sets what the peer is started with, unless that was said.
func (a *app) chooseIOThreads(ctx context.Context, f *compareFlags, report *compareReport) error {
	if f.ioThreads > 0 {
		report.Peer = fmt.Sprintf("io-threads %d, as told", f.ioThreads)
		return nil
	}
	trials, err := tryIOThreads(ctx, f)
	if err != nil {
		return err
	}
	f.ioThreads = trials[0].threads
	report.Peer = fmt.Sprintf("io-threads %d", f.ioThreads)
	for i, t := range trials {
		word := ", where"
		if i > 0 {
			word = "; with"
		}
		report.Peer += fmt.Sprintf("%s %d: %s", word, t.threads, thousands(t.throughput.Median))
	}
	report.Peer += fmt.Sprintf(" gets of %d bytes per second, %d goroutines, rueidis, medians of %d runs of %v", defaultValueBytes, ioThreadsClients, f.runs, f.duration.Round(time.Millisecond))
	a.progressf("peer    %s", report.Peer)
	return nil
}
