package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"ironkv/kv/cluster"
	"ironkv/marshal"
)

func kvbench(t *testing.T, args ...string) (code int, out, errOut string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(t.Context(), args, &o, &e)
	return code, o.String(), e.String()
}

// Each kind of loop runs against a cluster without errors, and tells so in JSON.
func TestLoopsAgainstACluster(t *testing.T) {
	addr := strings.Join(cluster.Start(t, 2).Addrs(), ",")
	for _, args := range [][]string{
		{"get"},
		{"set", "--value-size", "1000"},
		{"mixed", "--ratio", "0.9", "--distribution", "zipf"},
		{"scan", "--entries", "10"},
		{"get", "--batch", "16"},
		{"mixed", "--rate", "500", "--no-fill"},
	} {
		code, out, errOut := kvbench(t, append(args, "--addr", addr, "--keys", "200", "--clients", "4", "--duration", "50ms", "--warmup", "1ms", "-o", "json")...)
		var r singleReport
		if err := json.Unmarshal([]byte(out), &r); code != exitOK || err != nil || r.Result.Ops == 0 || r.Result.failures() != 0 {
			t.Errorf("kvbench %q: exit code %d, %v, %+v\n%s", args, code, err, r.Result, errOut)
		}
	}
	code, out, _ := kvbench(t, "get", "--addr", addr, "--no-fill", "--keys", "200", "--duration", "10ms", "--warmup", "0")
	if code != exitOK || !strings.Contains(out, "throughput") || !strings.Contains(out, "p99.9") || !strings.Contains(out, "errors      0") {
		t.Errorf("as text: exit code %d\n%s", code, out)
	}
	// A key that is not there is an error with a name.
	_, out, _ = kvbench(t, "get", "--addr", addr, "--no-fill", "--keys", "1000000", "--duration", "20ms", "--warmup", "0", "-o", "json")
	if !strings.Contains(out, `"missing"`) {
		t.Errorf("missing keys are not counted:\n%s", out)
	}
}

// Who is interrupted prints what it has measured, and fails.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := cluster.Start(t, 1)
	go func() {
		defer cancel()
		const enough = 5000 // of which the load of the keys is a small part
		for t.Context().Err() == nil {
			if stats, err := c.Stats(1); err != nil || stats.Steps > enough {
				return
			}
			time.Sleep(time.Millisecond)
		}
	}()
	var out, errOut bytes.Buffer
	code := run(ctx, []string{"get", "--addr", c.Addrs()[0], "--keys", "10", "--duration", "10h", "--warmup", "0"}, &out, &errOut)
	if code != exitFailure || !strings.Contains(out.String(), "throughput") || !strings.Contains(errOut.String(), "what was measured") {
		t.Errorf("get: exit code %d\n%s\n%s", code, &out, &errOut)
	}

	out.Reset() // boundaries need no cluster, values one that is not started any more
	code = run(ctx, []string{"growth", "--sections", "boundaries,values", "--max-boundaries", "10", "-o", "json"}, &out, &errOut)
	var report growthReport
	if err := json.Unmarshal(out.Bytes(), &report); code != exitFailure || err != nil || len(report.Series) != 1 {
		t.Errorf("growth: exit code %d, %v\n%s\n%s", code, err, &out, &errOut)
	}
}

func TestMoveUnderLoad(t *testing.T) {
	dir := t.TempDir()
	addr := strings.Join(cluster.Start(t, 2).Addrs(), ",")
	code, out, errOut := kvbench(t, "move", "--addr", addr, "--shape", "500x100", "--clients", "2", "--moves", "2", "--around", "20ms",
		"--rate", "unlimited", "-o", "json", "--plot", dir)
	var report moveReport
	if err := json.Unmarshal([]byte(out), &report); code != exitOK || err != nil {
		t.Fatalf("exit code %d, %v\n%s", code, err, errOut)
	}
	r := report.Results[0]
	ops := r.Before.Ops + r.During.Ops + r.Between.Ops + r.After.Ops
	if len(r.Moves) != 2 || r.entriesPerSecond() == 0 || ops == 0 || r.During.failures() != 0 || len(r.Timeline) == 0 {
		t.Errorf("%+v", r)
	}
	// Somebody was asking all the while.
	if moves := r.Moves[0].Seconds + r.Moves[1].Seconds; r.During.Max == 0 || r.During.Seconds < moves || r.Between.Seconds < moveGap.Seconds() {
		t.Errorf("moves of %v s together: %+v; between them %+v", moves, r.During, r.Between)
	}
	if r.Apart == nil || r.Apart.Ops == 0 || r.Apart.failures() != 0 || r.Timeline[len(r.Timeline)-1].Seconds > r.Moves[1].Start+r.Moves[1].Seconds+r.After.Seconds {
		t.Errorf("half here, half there: %+v; the timeline ends at %v", r.Apart, r.Timeline[len(r.Timeline)-1])
	}
	for _, name := range []string{"move-throughput-500x100.svg", "move-latency-500x100.svg"} {
		if svg, err := os.ReadFile(filepath.Join(dir, name)); err != nil || !bytes.Contains(svg, []byte("<svg")) {
			t.Errorf("%s: %v", name, err)
		}
	}
	code, out, errOut = kvbench(t, "move", "--addr", addr, "--shape", "500x100", "--clients", "2", "--moves", "1", "--around", "20ms", "--load-limit", "1000", "--profile", filepath.Join(dir, "profile"))
	if code != exitOK || !strings.Contains(out, "1.0k operations per second due") || strings.Contains(out, "between") {
		t.Errorf("one move below saturation: exit code %d\n%s\n%s", code, out, errOut)
	}
	if info, err := os.Stat(filepath.Join(dir, "profile", "ironkv-500x100", "client.pprof")); err != nil || info.Size() == 0 {
		t.Errorf("no profile: %v", err)
	}
	code, out, _ = kvbench(t, "move", "--addr", addr, "--shape", "0x1", "--clients", "0", "--moves", "1")
	if code != exitOK || !strings.Contains(out, "entries/s") {
		t.Errorf("an idle, empty shard: exit code %d\n%s", code, out)
	}
}

// The comparison runs from end to end; without a peer on this machine there is none.
func TestCompare(t *testing.T) {
	if _, err := findRedis(""); err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	quick := []string{"--values", "10", "--clients", "1,2", "--runs", "2", "--duration", "10ms", "--warmup", "1ms"}
	code, out, errOut := kvbench(t, append([]string{"compare", "--sections", "memory,durable", "--format", "markdown", "--goals", "--plot", dir}, quick...)...)
	if code != exitOK {
		t.Fatalf("exit code %d\n%s", code, errOut)
	}
	for _, part := range []string{"| what | keys |", "| get | 1000 | 10 | 2 |", "| durable set | 100000 | 128 | 2 |", "× rueidis", "× echo", "appendfsync always", "median (least–greatest)", "the peer: io-threads", "| what | goal |"} {
		if !strings.Contains(out, part) {
			t.Errorf("the report has no %q:\n%s", part, out)
		}
	}
	if strings.Contains(out, "errors,") {
		t.Errorf("there are errors:\n%s", out)
	}
	if _, err := os.Stat(filepath.Join(dir, "memory-get-10-1000-uniform.svg")); err != nil {
		t.Error(err)
	}
	code, out, errOut = kvbench(t, append([]string{"compare", "--sections", "scan", "--systems", "ironkv,rueidis", "--io-threads", "2", "--goals", "-o", "json"}, quick...)...)
	if !strings.Contains(errOut, "goal") {
		t.Errorf("--goals with JSON says nothing of goals: %s", errOut)
	}
	var report compareReport
	if err := json.Unmarshal([]byte(out), &report); code != exitOK || err != nil || len(report.Cases) != 2 || len(report.Cases[0].Runs[sysRueidis]) != 2 || len(report.Cases[0].Runs) != 2 {
		t.Errorf("exit code %d, %v\n%s\n%s", code, err, out, errOut)
	}
}

// The sections of growth whose smallest sizes are small.
func TestGrowth(t *testing.T) {
	dir := t.TempDir()
	code, out, errOut := kvbench(t, "growth", "--sections", "keys,moves,boundaries,hosts", "--max-keys", "1000", "--max-boundaries", "100", "--max-hosts", "4",
		"--duration", "20ms", "-o", "json", "--plot", dir)
	var report growthReport
	if err := json.Unmarshal([]byte(out), &report); code != exitOK || err != nil || len(report.Series) != 4 {
		t.Fatalf("exit code %d, %v\n%s", code, err, errOut)
	}
	sizes := map[string][]uint64{}
	for _, s := range report.Series {
		for _, p := range s.Points {
			sizes[s.Section] = append(sizes[s.Section], p.Size)
			for column := range p.Values {
				if !slices.Contains(s.Columns, column) {
					t.Errorf("%s: a value of no column: %q", s.Section, column)
				}
			}
		}
	}
	if want := map[string][]uint64{"keys": {1000}, "moves": {1000}, "boundaries": {10, 100}, "hosts": {1, 2, 4}}; !reflect.DeepEqual(sizes, want) {
		t.Errorf("sizes %v, want %v", sizes, want)
	}
	for _, p := range report.Series[3].Points {
		if p.Values["messages per get"] != 2 || p.Values["per put"] != 2 || (p.Values["per move"] > 0) != (p.Size > 1) {
			t.Errorf("%d hosts: %v", p.Size, p.Values)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "growth-hosts.svg")); err != nil {
		t.Error(err)
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{
		{"nonsense"},
		{"get", "extra"},
		{"get", "--clients", "0"},
		{"get", "--keys", "0"},
		{"get", "--value-size", "5000000"},
		{"get", "--duration", "0"},
		{"get", "--distribution", "normal"},
		{"mixed", "--ratio", "2"},
		{"get", "--addr", "127.0.0.1:1", "--disk"},
		{"get", "--memory", "--disk"},
		{"scan", "--entries", "0"},
		{"get", "--rate", "-1"},
		{"get", "--hosts", "0"},
		{"get", "-o", "xml"},
		{"get", "--batch", "100000"},
		{"move", "--shape", "many"},
		{"move", "--rate", "fast"},
		{"move", "--hosts", "1"},
		{"move", "--format", "html"},
		{"move", "--moves", "0"},
		{"move", "--load-limit", "-1"},
		{"growth", "--sections", "nonsense"},
		{"growth", "--max-hosts", "65"},
		{"growth", "--hosts", "1"},
		{"compare", "--sections", "nonsense"},
		{"compare", "--format", "html"},
		{"compare", "--runs", "0"},
		{"compare", "--clients", "0"},
		{"compare", "--distributions", "normal"},
		{"compare", "--keys", "0"},
		{"compare", "--values", "-1"},
		{"compare", "--systems", "nonsense"},
		{"compare", "--systems", "echo"},
		{"compare", "--io-threads", "-1"},
	} {
		if code, out, errOut := kvbench(t, args...); code != exitUsage || out != "" || !strings.Contains(errOut, "--help") {
			t.Errorf("kvbench %q: exit code %d, want %d\n%s%s", args, code, exitUsage, out, errOut)
		}
	}
	if code, _, errOut := kvbench(t, "get", "--kvd", "/nowhere/kvd"); code != exitFailure || !strings.Contains(errOut, "/nowhere/kvd") {
		t.Errorf("a kvd that is not there: exit code %d, %s", code, errOut)
	}
}

// The null server answers gets, sets and batches of any length, from many callers.
func TestEcho(t *testing.T) {
	lengths := []int{0, 128, 100_000}
	s, err := startEcho(t.Context(), lengths)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	}()
	if s.cpu() < 0 || s.resident() == 0 {
		t.Errorf("the process's figures cannot be read: %v, %d bytes", s.cpu(), s.resident())
	}
	for i, bytes := range lengths {
		st, err := dialIronkv(t.Context(), s.addrs[i:i+1])
		if err != nil {
			t.Fatal(err)
		}
		if v, err := st.Get(t.Context(), []byte("key")); err != nil || len(v.Value) != bytes {
			t.Errorf("a value of %d bytes, want %d; %v", len(v.Value), bytes, err)
		}
		for _, w := range []workload{{Op: opGet}, {Op: opSet}, {Op: opGet, Batch: 8}} {
			w.ValueBytes, w.Keys, w.Distribution = bytes, 10, uniform
			ops, failed := steps(st, w, 300) // numbers of one, two and three bytes
			if want := 300 * max(w.Batch, 1); ops != want || len(failed) > 0 {
				t.Errorf("%+v: %d operations, want %d; %v", w, ops, want, failed)
			}
		}
		if err := st.close(); err != nil {
			t.Error(err)
		}
	}
}

// Whatever reaches a null server, it goes on.
func TestHeaderBytes(t *testing.T) {
	for _, number := range []uint64{0, 127, 128, 255, 256, 65_535, 65_536, 1<<32 - 1, 1 << 32, 1<<64 - 1} {
		request := marshal.Append(nil, &marshal.GetRequest{RequestHeader: marshal.RequestHeader{Session: marshal.SessionID{1}, Number: number}, Key: "key"})
		n := headerBytes(request)
		want := &marshal.GetReply{RequestHeader: marshal.RequestHeader{Session: marshal.SessionID{1}, Number: number}, Found: true, Version: 1, Value: []byte("value")}
		reply := newAnswer(&marshal.GetReply{Found: true, Version: 1, Value: []byte("value")}).with(request[openingBytes : openingBytes+n])
		if got, err := marshal.Decode(reply); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("number %d: %+v, %v", number, got, err)
		}
		for cut := range openingBytes + n {
			if headerBytes(request[:cut]) != 0 {
				t.Errorf("number %d: a header in %d bytes", number, cut)
			}
		}
	}
}

func TestEtcdPeer(t *testing.T) {
	if _, err := exec.LookPath("etcd"); err != nil {
		t.Skip(err)
	}
	s, err := startEtcd(t.Context(), "etcd")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	}()
	st := dialEtcd(s.addrs[0])
	if err := st.set(t.Context(), []byte("a-long-enough-key"), bytes.Repeat([]byte{0xff}, 300)); err != nil {
		t.Error(err)
	}
	if err := st.get(t.Context(), []byte("a-long-enough-key")); err != nil {
		t.Error(err)
	}
	if err := st.get(t.Context(), []byte("another")); !errors.Is(err, errMissing) {
		t.Errorf("a key that is not there: %v", err)
	}
	if err := st.set(t.Context(), nil, nil); err == nil {
		t.Error("an empty key, which etcd refuses, is written")
	}
}

func TestParsing(t *testing.T) {
	r, err := parseBench("\"test\",\"rps\",\"avg_latency_ms\",\"min_latency_ms\",\"p50_latency_ms\",\"p95_latency_ms\",\"p99_latency_ms\",\"max_latency_ms\"\n" +
		"\"GET\",\"500000.00\",\"1.0\",\"0.1\",\"0.9\",\"1.5\",\"2.0\",\"7.5\"\n")
	if err != nil || r.Throughput != 500_000 || r.P50 != 900 || r.P99 != 2000 || r.Max != 7500 || r.Seconds != 2 {
		t.Errorf("%+v, %v", r, err)
	}
	for _, text := range []string{"", "\"test\"\n\"GET\"\n", "nonsense"} {
		if _, err := parseBench(text); err == nil {
			t.Errorf("%q is read as a result", text)
		}
	}
	if s, err := parseShape("1000x64"); err != nil || s != (shape{1000, 64}) || s.bytes() != 80_000 {
		t.Errorf("%+v, %v", s, err)
	}
	if !hasAllSlots("abc 127.0.0.1:1@2 master - 0 0 1 connected 0-16383\n", "abc") ||
		hasAllSlots("abc 127.0.0.1:1@2 master - 0 0 1 connected 0-16382\n", "abc") || hasAllSlots("", "abc") {
		t.Error("CLUSTER NODES is misread")
	}
	if tail := (&tail{}); true {
		for range 3 {
			_, _ = tail.Write(bytes.Repeat([]byte("x"), logBytes))
		}
		if len(tail.String()) != logBytes {
			t.Errorf("a log of %d bytes is kept", len(tail.String()))
		}
	}
}

// Servers get ports that differ, that nobody listens at, and that no socket is given
// which asks for none.
func TestFreePorts(t *testing.T) {
	for _, network := range []string{"udp", "tcp"} {
		first, err1 := freePorts(network, 3)
		second, err2 := freePorts(network, 2)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		seen := map[int]bool{}
		for _, port := range append(first, second...) {
			if seen[port] || port < firstPort || port >= firstPort+ports {
				t.Errorf("%s: ports %v and %v", network, first, second)
			}
			seen[port] = true
		}
	}
	held, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = held.Close() }()
	if free("udp", held.LocalAddr().String()) {
		t.Error("a port that is held passes for free")
	}
}
