package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"ironkv/kv/client"
	"ironkv/tests/exit"
	"ironkv/udp"
)

// A history that one register would have said passes, and each that it would not
// have said fails: the model can say no.
func TestTheRegistersModel(t *testing.T) {
	put := func(v string) regCall { return regCall{kind: regPut, value: v} }
	guarded := func(v string, version uint64) regCall {
		return regCall{kind: regPut, value: v, guarded: true, version: version}
	}
	got := func(v string, version uint64) regAnswer { return regAnswer{value: v, version: version} }
	type step struct {
		call   regCall
		answer regAnswer
	}
	absent, unknown, failed := regAnswer{absent: true}, regAnswer{unknown: true}, regAnswer{failed: true}
	get, del, wrote := regCall{}, regCall{kind: regDelete}, func(v uint64) regAnswer { return regAnswer{version: v} }
	for name, tc := range map[string]struct {
		steps []step
		want  porcupine.CheckResult
	}{
		"written and read":            {[]step{{put("a"), wrote(3)}, {get, got("a", 3)}}, porcupine.Ok},
		"a lost write":                {[]step{{put("a"), wrote(3)}, {get, absent}}, porcupine.Illegal},
		"a stale read":                {[]step{{put("a"), wrote(3)}, {put("b"), wrote(4)}, {get, got("a", 3)}}, porcupine.Illegal},
		"a version twice":             {[]step{{put("a"), wrote(3)}, {put("b"), wrote(3)}}, porcupine.Illegal},
		"unknown and happened":        {[]step{{put("a"), unknown}, {get, got("a", 9)}}, porcupine.Ok},
		"unknown and did not":         {[]step{{put("a"), unknown}, {get, absent}}, porcupine.Ok},
		"unknown, later":              {[]step{{put("a"), unknown}, {get, absent}, {get, got("a", 9)}}, porcupine.Ok},
		"unknown, twice":              {[]step{{put("a"), unknown}, {get, got("a", 9)}, {del, regAnswer{}}, {get, got("a", 10)}}, porcupine.Illegal},
		"deleted":                     {[]step{{put("a"), wrote(3)}, {del, regAnswer{}}, {get, absent}}, porcupine.Ok},
		"deleted and there":           {[]step{{put("a"), wrote(3)}, {del, regAnswer{}}, {get, got("a", 3)}}, porcupine.Illegal},
		"a version again, deleted":    {[]step{{put("a"), wrote(3)}, {del, regAnswer{}}, {put("b"), wrote(3)}}, porcupine.Illegal},
		"a condition met":             {[]step{{put("a"), wrote(3)}, {guarded("b", 3), wrote(4)}, {get, got("b", 4)}}, porcupine.Ok},
		"a condition met wrongly":     {[]step{{put("a"), wrote(3)}, {guarded("b", 2), wrote(4)}}, porcupine.Illegal},
		"a condition failed wrongly":  {[]step{{put("a"), wrote(3)}, {guarded("b", 3), failed}}, porcupine.Illegal},
		"a condition failed":          {[]step{{put("a"), wrote(3)}, {guarded("b", 2), failed}, {get, got("a", 3)}}, porcupine.Ok},
		"found nothing, wrongly":      {[]step{{put("a"), wrote(3)}, {del, absent}}, porcupine.Illegal},
		"a value that nobody wrote":   {[]step{{get, got("z", 1)}}, porcupine.Illegal},
		"unknown under no condition":  {[]step{{put("a"), wrote(3)}, {guarded("b", 2), unknown}, {get, got("b", 4)}}, porcupine.Illegal},
		"unknown deletion":            {[]step{{put("a"), wrote(3)}, {del, unknown}, {get, absent}}, porcupine.Ok},
		"unknown deletion, by nobody": {[]step{{put("a"), wrote(3)}, {get, absent}, {del, unknown}}, porcupine.Illegal},
	} {
		var ops []porcupine.Operation
		for i, s := range tc.steps {
			o := porcupine.Operation{Input: s.call, Output: s.answer, Call: int64(2 * i), Return: int64(2*i + 1)}
			if s.answer.unknown {
				o.Return = math.MaxInt64
			}
			ops = append(ops, o)
		}
		if is := porcupine.CheckOperationsTimeout(regModel, ops, patience); is != tc.want {
			t.Errorf("%s: %v, want %v", name, is, tc.want)
		}
	}
}

// What is at rest is compared with what clients were told; each way in which it
// can be wrong is told.
func TestChecks(t *testing.T) {
	good := func() (contents, []workload) {
		rest := contents{}
		add := func(name, value string) { rest[name] = client.Entry{Value: []byte(value), Version: 7} }
		add("counter/0", `{"Sum":5,"Last":[3,2,0]}`) // the second of worker 1 is one of unknown outcome
		for i := range accounts {
			add(accountName(i), `{"Balance":1000}`)
		}
		add(accountName(0), `{"Balance":900,"Out":{"To":1,"Amount":100},"Count":1}`)
		add("set/0", "x")
		add("set/1", "y")
		add(fillName(0), string(fillValue(0)))
		add(fillName(1), string(fillValue(1))) // by a write of unknown outcome
		add("register/0/0", "v")
		c := &counters{}
		c.sum[0], c.by[0][0].last, c.by[0][1] = 4, 3, increments{3, 1, []increment{{2, 6}, {3, 6}}}
		s := newSets()
		s.added, s.acked = map[string]string{"set/0": "x", "set/1": "y", "set/2": "z"}, []string{"set/0"}
		r := newRegisters(newScore())
		r.rest["register/0/0"] = client.Entry{Value: []byte("v"), Version: 7}
		return rest, []workload{c, bank{}, s, r}
	}
	count := func(c contents, value string) { c["counter/0"] = client.Entry{Value: []byte(value), Version: 7} }
	for name, spoil := range map[string]func(contents){
		"":                             func(contents) {},
		"was his 2.;":                  func(c contents) { count(c, `{"Sum":4,"Last":[2,2,0]}`) }, // one that was acknowledged is lost
		"was his 4.;":                  func(c contents) { count(c, `{"Sum":5,"Last":[4,1,0]}`) },
		"counter/0 is 4; 5":            func(c contents) { count(c, `{"Sum":4,"Last":[3,2,0]}`) },
		"counter/0 is 5; 4":            func(c contents) { count(c, `{"Sum":5,"Last":[3,1,0]}`) },
		"counter/0 is \"5\"":           func(c contents) { count(c, `5`) },
		"together":                     func(c contents) { c[accountName(3)] = client.Entry{Value: []byte(`{"Balance":1001}`)} },
		"bank/4 is gone":               func(c contents) { delete(c, accountName(4)) },
		"set/0 was added":              func(c contents) { delete(c, "set/0") },
		"set/3 is":                     func(c contents) { c["set/3"] = client.Entry{} },
		"set/1 is":                     func(c contents) { c["set/1"] = client.Entry{Value: []byte("x")} },
		"nobody has written it since;": func(c contents) { delete(c, "register/0/0") },
		"fill/0":                       func(c contents) { delete(c, fillName(0)) },
		"fill/1":                       func(c contents) { c[fillName(1)] = client.Entry{} },
		"fill/2":                       func(c contents) { c[fillName(2)] = client.Entry{Value: fillValue(2)} },
	} {
		rest, loads := good()
		spoil(rest)
		var errs []error
		for _, l := range loads {
			errs = append(errs, l.check(rest))
		}
		err := errors.Join(append(errs, (&fill{low: 1, high: 2}).check(rest))...)
		switch {
		case name == "" && (err != nil || len(rest) > 0):
			t.Errorf("nothing is wrong: %v, %v", err, rest)
		case name != "" && (err == nil || !strings.Contains(err.Error(), name)):
			t.Errorf("%v, want an error that says %q", err, name)
		}
	}
}

// An increment whose outcome is unknown is settled by what its worker reads next: it was
// executed, or never will be, or still may be.
func TestUnknownIncrementsAreSettled(t *testing.T) {
	entry := func(version uint64, value string) client.Entry {
		return client.Entry{Value: []byte(value), Version: version}
	}
	c := &counters{}
	increment := func(e client.Entry, outcome error) {
		t.Helper()
		_, try, err := c.next(0, 0, e)
		if err != nil {
			t.Fatal(err)
		}
		c.tried(0, 0, try, outcome)
	}
	expect := func(sum, open int) {
		t.Helper()
		if c.sum[0] != sum || len(c.by[0][0].open) != open {
			t.Errorf("%d increments were executed, %v are open; want %d and %d", c.sum[0], c.by[0][0].open, sum, open)
		}
	}
	increment(client.Entry{}, client.ErrUnknownOutcome)
	expect(0, 1)
	increment(client.Entry{}, client.ErrUnknownOutcome) // the first may still be executed
	expect(0, 2)
	increment(entry(5, `{"Sum":1,"Last":[2,0,0]}`), client.ErrUnknownOutcome) // the second was: the first never will be
	expect(1, 1)
	increment(entry(5, `{"Sum":1,"Last":[2,0,0]}`), nil) // and the third never will be
	expect(2, 0)
	increment(entry(6, `{"Sum":2,"Last":[4,0,0]}`), client.ErrUnknownOutcome)
	increment(entry(8, `{"Sum":3,"Last":[4,1,0]}`), client.ErrConditionFailed) // another worker was first
	expect(2, 0)
	if _, _, err := c.next(0, 0, entry(9, `{"Sum":4,"Last":[5,1,0]}`)); err == nil {
		t.Error("what can no longer be executed is taken for executed")
	}
}

// The same seed draws the same plan; other seeds draw every kind of fault.
func TestPlans(t *testing.T) {
	seen := map[string]bool{}
	for seed := range uint64(50) {
		draw := func() []fault {
			c := &cluster{options: options{slowDisks: true}, nemesis: nemesis{disk: &disk{host: 2}}}
			return drawPlan(rand.New(rand.NewPCG(seed, 0)), 4, 8*time.Second, c.allowed(kindKill, kindStop, kindKillAll))
		}
		plan := draw()
		if !reflect.DeepEqual(plan, draw()) {
			t.Fatalf("seed %d draws two plans", seed)
		}
		for _, f := range plan {
			seen[f.kind] = true
			if f.last < 0 || len(f.hosts)+len(f.wires) == 0 && f.kind != kindFullDisk { // whose host is the cluster's
				t.Errorf("seed %d: %v", seed, f)
			}
		}
	}
	for _, kind := range append([]string{kindKill, kindStop, kindKillAll, kindSlowDisk, kindFullDisk}, networkKinds...) {
		if !seen[kind] {
			t.Errorf("no seed draws %q", kind)
		}
	}
}

// Everybody sees everybody else under the relay's addresses, and links do what
// the weather says.
func TestRelay(t *testing.T) {
	r, err := newRelay(2, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.close() })
	socket := func(at netip.AddrPort) *net.UDPConn {
		s, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(at))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
	one, two, guest := socket(r.real[0]), socket(r.real[1]), socket(netip.MustParseAddrPort("127.0.0.1:0"))
	passes := func(from, to *net.UDPConn, at netip.AddrPort, n int) netip.AddrPort {
		t.Helper()
		buf, sent := make([]byte, maxDatagram), bytes.Repeat([]byte{byte(n)}, n)
		if _, err := from.WriteToUDPAddrPort(sent, at); err != nil {
			t.Fatal(err)
		}
		_ = to.SetReadDeadline(time.Now().Add(patience))
		got, src, err := to.ReadFromUDPAddrPort(buf)
		if err != nil || !bytes.Equal(buf[:got], sent) {
			t.Fatalf("%d bytes, %v; want %d", got, err, n)
		}
		return src
	}
	if src := passes(one, two, r.address(2), 9); src != r.address(1) {
		t.Errorf("host 2 sees host 1 as %v, not as %v", src, r.address(1))
	}
	back := passes(guest, one, r.address(1), 9)
	if src := passes(one, guest, back, 60_000); src != r.address(1) {
		t.Errorf("the client sees host 1 as %v, not as %v", src, r.address(1))
	}
	// What is cut or too large is lost: what arrives first is what was sent after.
	link := r.links[wire{1, 2}]
	for _, w := range []weather{{cut: true}, {FaultRates: udp.FaultRates{Drop: 1}}, {FaultRates: udp.FaultRates{MTU: 99}}} {
		link.change(1, &fault{weather: w})
		count := func() int { link.mu.Lock(); defer link.mu.Unlock(); return link.seen }
		want := count() + 20
		for range 20 {
			if _, err := one.WriteToUDPAddrPort(make([]byte, 100), r.address(2)); err != nil {
				t.Fatal(err)
			}
		}
		passes(two, one, r.address(1), 8) // the other way is another matter
		eventually(t, func() bool { return count() == want })
		link.change(1, nil)
		passes(one, two, r.address(2), 7)
	}
}

// Whatever a fault of the network is, datagrams suffer from it, and it is told of how many.
func TestEachFaultOfTheNetworkTouchesDatagrams(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	somebody := netip.MustParseAddrPort("127.0.0.1:9")
	for _, kind := range networkKinds {
		l := newLink(1, time.Now(), func(_, _ netip.AddrPort, _ []byte) {})
		f := fault{}.of(rng, 3, kind)
		if len(f.wires) == 0 {
			t.Errorf("%s is nowhere", kind)
		}
		l.change(0, &f)
		for range 1000 {
			l.push(somebody, somebody, make([]byte, 1400))
		}
		l.change(0, nil)
		n := l.touched[kind]
		l.push(somebody, somebody, nil)
		if n == 0 || l.touched[kind] != n {
			t.Errorf("%v touched %d of 1,000 datagrams, and %d later", f, n, l.touched[kind]-n)
		}
		l.heal()
	}
}

// A link of so many bytes a second sends one datagram after the other, and drops what
// comes when its queue is full.
func TestBandwidth(t *testing.T) {
	const bytes, queued = 1000, 1 + maxQueue/1000
	somebody := netip.MustParseAddrPort("127.0.0.1:9")
	l := newLink(1, time.Now(), nil)
	l.change(0, &fault{weather: weather{bps: 1}}) // so slow that the time of the test is no matter
	for range 2 * queued {
		l.push(somebody, somebody, make([]byte, bytes))
	}
	passed, last := 0, time.Duration(0)
	for {
		due, more := l.faults.Deadline()
		if !more {
			break
		}
		if gap := due - last; gap < bytes*time.Second || passed > 0 && gap > bytes*time.Second {
			t.Errorf("datagram %d leaves %v after the one before", passed, gap)
		}
		if _, _, _, ok := l.faults.Pop(due); !ok {
			t.Fatal("what is due does not come")
		}
		passed, last = passed+1, due
	}
	if passed != queued {
		t.Errorf("%d datagrams wait, want %d", passed, queued)
	}
}

// Of two weathers at once each thing is the worse.
func TestWeatherJoins(t *testing.T) {
	a := weather{FaultRates: udp.FaultRates{Drop: 0.1, MTU: 1280}, bps: 100}
	b := weather{FaultRates: udp.FaultRates{Drop: 0.2, Delay: 5, MTU: 576}, cut: true}
	want := weather{FaultRates: udp.FaultRates{Drop: 0.2, Delay: 5, MTU: 576}, cut: true, bps: 100}
	if got := a.join(b); got != want || b.join(a) != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// A host that does not come back to what it used is told apart from one that does.
func TestUsageIsJudged(t *testing.T) {
	calm := usage{20, 30, 100 << 20, 70 << 20}
	cycles := func(last usage) [][]usage {
		return [][]usage{{calm}, {calm}, {calm}, {{9999, 9999, 9 << 40, 9 << 40}}, {last}, {last}, {last}}
	}
	report, err := compare(cycles(calm))
	if err != nil || strings.Count(report, "FIRST 3 CYCLES") != 1 || strings.Count(report, "MiB of disk") != 1 {
		t.Errorf("%v\n%s", err, report)
	}
	for name, u := range map[string]usage{
		"goroutines": {24, 30, 100 << 20, 70 << 20}, "open files": {20, 34, 100 << 20, 70 << 20},
		"memory": {20, 30, 184 << 20, 70 << 20}, "disk": {20, 30, 100 << 20, 117 << 20},
	} {
		if _, err := compare(cycles(u)); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v, want one about %s", err, name)
		}
	}
}

// One short round with real processes: faults happen, nothing is wrong, nothing
// is left.
func TestOneRound(t *testing.T) {
	if testing.Short() {
		t.Skip("builds kvd and takes seconds")
	}
	t.Setenv("TMPDIR", t.TempDir())
	var out bytes.Buffer
	o := options{seed: 1, hosts: 3, rounds: 1, length: 2 * time.Second, out: &out}
	err := chaos(t.Context(), o)
	if err != nil || !strings.Contains(out.String(), "1 rounds") {
		t.Errorf("%v\n%s", err, out.String())
	}
	report := out.String()[max(0, strings.LastIndex(out.String(), "DATAGRAMS TOUCHED")):]
	for _, kind := range []string{kindKill, kindStop, kindKillAll} {
		if strings.Contains(out.String(), " "+kind) && !regexp.MustCompile(`│ `+kind+` +│ +[1-9]`).MatchString(report) {
			t.Errorf("%s was planned, and is not counted:\n%s", kind, report)
		}
	}
}

// A host that ends by itself is found out, and what is needed to see why is kept.
func TestAViolationLeavesItsTraces(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	bin := script(t, "echo no reason >&2; exit 3")
	err := chaos(t.Context(), options{seed: 77, hosts: 3, rounds: 1, length: time.Second, bin: bin, out: io.Discard})
	var v *violation
	if !errors.As(err, &v) || !strings.Contains(err.Error(), "no reason") || !strings.Contains(err.Error(), "-seed 77") {
		t.Fatalf("%v, want a violation with what the host said and the command", err)
	}
	left, _ := filepath.Glob(filepath.Join(os.Getenv("TMPDIR"), "*", "cluster-0", "host-*.log"))
	if len(left) == 0 {
		t.Error("the logs are gone")
	}
}

// script is a directory with a kvd that does something else.
func script(t *testing.T, text string) string {
	t.Helper()
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "kvd"), []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return bin
}

// interrupter is an output that ends the run when something is told.
type interrupter struct {
	at  string
	end context.CancelFunc
}

func (i interrupter) Write(b []byte) (int, error) {
	if strings.Contains(string(b), i.at) {
		i.end()
	}
	return len(b), nil
}

// Who interrupts a run is told that nothing was wrong, and nothing is left; but a
// violation that was found before stays one.
func TestInterrupted(t *testing.T) {
	for _, c := range []struct {
		name, kvd, at string
		found         bool
	}{
		{"no violation", "exec sleep 1000", "cluster 0:", false},
		{"a violation", "exit 3", "0 clusters", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("TMPDIR", t.TempDir())
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			err := chaos(ctx, options{seed: 1, hosts: 3, rounds: 1, length: time.Second, bin: script(t, c.kvd), out: interrupter{c.at, cancel}})
			left, _ := filepath.Glob(filepath.Join(os.Getenv("TMPDIR"), "*"))
			if code := codeOf(err); ctx.Err() == nil || (code == exit.Crash) != c.found || (len(left) > 0) != c.found {
				t.Errorf("%v, exit code %d, left %v", err, code, left)
			}
		})
	}
}

// What nobody had answered when a round ended is a wait, too, and one of many answers is
// as many waits.
func TestWaits(t *testing.T) {
	s := newScore()
	var once sync.Once
	stop := make(chan struct{})
	w := &worker{rng: rand.New(rand.NewPCG(1, 1)), score: s}
	silent := step(func(context.Context, *worker) error {
		w.since = w.since.Add(-time.Hour)
		once.Do(func() { close(stop) })
		return client.ErrUnavailable
	})
	if err := w.work(t.Context(), stop, silent); err != nil || s.kind(quiet).longest < time.Hour {
		t.Errorf("%v, longest %v, want an hour", err, s.kind(quiet).longest)
	}
	w.since, w.from, w.until = time.Now().Add(-3*time.Hour), time.Time{}, time.Time{}
	w.heard()
	w.since = w.since.Add(-2 * time.Hour)
	w.heard()
	if d := w.until.Sub(w.from); d < 3*time.Hour || d > 4*time.Hour {
		t.Errorf("waits of three hours and of two are one of %v", d)
	}
}

// step is a workload that has no other part.
type step func(ctx context.Context, w *worker) error

func (step) name() string                                { return "step" }
func (step) workers() (int, time.Duration)               { return 1, time.Nanosecond }
func (step) round(int)                                   {}
func (s step) step(ctx context.Context, w *worker) error { return s(ctx, w) }
func (step) check(contents) error                        { return nil }

// eventually waits for what comes from another goroutine.
func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	for late := time.Now().Add(patience); !ok(); runtime.Gosched() {
		if time.Now().After(late) {
			t.Fatal("it does not come")
		}
	}
}
