package sim

import (
	"crypto/sha256"
	"encoding/hex"
	"runtime"
	"sync"

	"ironkv/ghost"
	"ironkv/ghost/judge"
)

// rotation is how many runs of a campaign differ in more than their seed.
const rotation = 10

// bigSteps is how many times as long a run of the big size is, sampleEvery at how
// many of its steps all invariants are checked.
const (
	bigSteps    = 4
	sampleEvery = 500
)

// Rotate returns the options of a campaign's run: of ten seeds one is big, one
// travels in datagrams, two in bytes, one is on disk, on each wire in turn, and the
// rest are values in memory. Of ten big ones two are in bytes, two in datagrams, and two
// on disk, whose steps take ten times as long, so that there are fewer of them.
func Rotate(seed uint64, steps int) Options {
	o := Options{Seed: seed, Steps: steps, Every: 1}
	turn := seed / rotation % rotation
	switch seed % rotation {
	case 0:
		o.Size, o.Steps, o.Every = Big, bigSteps*steps, sampleEvery
		o.Wire = [rotation]Wire{4: Bytes, 5: Bytes, 6: Datagrams, 7: Datagrams, 8: Bytes, 9: Datagrams}[turn]
		if o.Disk = turn >= 8; o.Disk {
			o.Steps = steps
		}
	case 1:
		o.Wire = Datagrams
	case 2, 3:
		o.Wire = Bytes
	case 4:
		o.Disk, o.Wire = true, Wire(turn%numWires)
		o.Steps = steps / 2
	}
	return o
}

// A Total is what runs add up to.
type Total struct {
	Runs                 int
	Steps, Events        uint64
	Counts               ghost.Counts
	Seen                 *judge.Coverage
	Histories, Undecided int
	// Waited is the longest wait of a fair end.
	Waited Wait
	// Hash is of the runs' hashes in their order; of one run its own.
	Hash string
	// Failed is the failing run that comes first in the list, if one fails.
	Failed *Result
}

// NewTotal returns what no runs add up to.
func NewTotal() *Total { return &Total{Seen: newCoverage()} }

// Add adds what other runs add up to.
func (t *Total) Add(o *Total) {
	t.Runs += o.Runs
	t.Steps += o.Steps
	t.Events += o.Events
	t.Counts.Actions += o.Counts.Actions
	t.Counts.Requests += o.Counts.Requests
	t.Counts.Delegates += o.Counts.Delegates
	t.Counts.Packets += o.Counts.Packets
	t.Counts.Cuts += o.Counts.Cuts
	t.Histories += o.Histories
	t.Undecided += o.Undecided
	t.Waited = t.Waited.longer(o.Waited)
	t.Seen.Add(o.Seen)
	if t.Runs == o.Runs {
		t.Hash = o.Hash
	} else {
		sum := sha256.Sum256([]byte(t.Hash + o.Hash))
		t.Hash = hex.EncodeToString(sum[:])
	}
	if t.Failed == nil {
		t.Failed = o.Failed
	}
}

func (t *Total) add(r *Result) {
	o := &Total{Runs: 1, Steps: r.Steps, Events: r.Events, Counts: r.Counts, Seen: r.Seen, Histories: r.Histories, Undecided: r.Undecided, Waited: r.Waited, Hash: r.Hash}
	if r.Failure != nil {
		o.Failed = r
	}
	t.Add(o)
}

// RunAll runs a list, on all processors at once, and adds the results up in the
// order of the list. It ends at the first failure. progress, if not nil, is told
// of every result.
func RunAll(list []Options, progress func(*Total)) *Total {
	results := make([]chan *Result, len(list))
	next := make(chan int)
	stop := make(chan struct{})
	var workers sync.WaitGroup
	for i := range results {
		results[i] = make(chan *Result, 1)
	}
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := range next {
				results[i] <- Run(list[i])
			}
		})
	}
	go func() {
		defer close(next)
		for i := range list {
			select {
			case next <- i:
			case <-stop:
				return
			}
		}
	}()
	t := NewTotal()
	for i := range results {
		t.add(<-results[i])
		if progress != nil {
			progress(t)
		}
		if t.Failed != nil {
			break
		}
	}
	close(stop)
	workers.Wait()
	return t
}
