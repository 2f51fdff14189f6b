package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"ironkv/delegation"
	"ironkv/ghost"
	"ironkv/kv/client"
	"ironkv/tests/daemon"
)

// binary is kvd, built once.
var binary string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "kvd-test-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer func() { _ = os.RemoveAll(dir) }()
		binary = filepath.Join(dir, "kvd")
		if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build kvd: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// patience bounds what never takes long unless it is broken.
const patience = 30 * time.Second

// process is a running kvd, with what it says on standard error.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	said chan string // lines; closed at the end
	mu   sync.Mutex
	log  bytes.Buffer
}

// start starts kvd, which is killed at the end of the test if it still runs.
func start(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(binary, args...), said: make(chan string, 1<<12)}
	p.cmd.Env = append(os.Environ(), env...)
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	go func() {
		defer close(p.said)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			p.mu.Lock()
			p.log.WriteString(lines.Text() + "\n")
			p.mu.Unlock()
			p.said <- lines.Text()
		}
	}()
	return p
}

func (p *process) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// expect waits for a line with all of words, and returns it.
func (p *process) expect(words ...string) string {
	p.t.Helper()
	late := time.After(patience)
next:
	for {
		select {
		case line, ok := <-p.said:
			if !ok {
				p.t.Fatalf("kvd ended without saying %q:\n%s", words, p.output())
			}
			for _, w := range words {
				if !strings.Contains(line, w) {
					continue next
				}
			}
			return line
		case <-late:
			p.t.Fatalf("kvd did not say %q:\n%s", words, p.output())
		}
	}
}

// end waits for the end and returns the exit code.
func (p *process) end() int {
	p.t.Helper()
	late := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() })
	defer late.Stop()
	for range p.said { // all of it, before Wait closes the pipe
	}
	_ = p.cmd.Wait()
	return p.cmd.ProcessState.ExitCode()
}

func (p *process) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// ports returns free loopback addresses.
func ports(t *testing.T, n int) []string {
	t.Helper()
	var list []string
	for range n {
		a, err := daemon.Address()
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, a.String())
	}
	return list
}

func clusterOf(addrs []string) string {
	var items []string
	for i, a := range addrs {
		items = append(items, fmt.Sprintf("%d=%s", i+1, a))
	}
	return strings.Join(items, ",")
}

func dial(t *testing.T, addrs []string) *client.Client {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	db, err := client.Dial(ctx, addrs)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// Several hosts in one process are as many hosts as in several, each with its
// own directory.
func TestHostsInOneProcess(t *testing.T) {
	addrs, dir := ports(t, 3), t.TempDir()
	args := func(ids string) []string {
		return []string{"--id", ids, "--cluster", clusterOf(addrs), "--data", filepath.Join(dir, ids)}
	}
	p, alone := start(t, nil, args("1,2")...), start(t, nil, args("3")...)
	p.expect("msg=ready")
	p.expect("msg=ready")
	alone.expect("msg=ready", "id=3")
	db := dial(t, addrs)
	if _, err := db.Put(t.Context(), []byte("key"), []byte("value")); err != nil {
		t.Fatal(err)
	}
	ids, err := db.MoveShard(t.Context(), delegation.All, 2)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.WaitMove(t.Context(), ids[0], nil); err != nil {
		t.Fatal(err)
	}
	p.signal(syscall.SIGKILL)
	p.end()
	p = start(t, nil, args("1,2")...)
	if e, err := db.Get(t.Context(), []byte("key")); err != nil || string(e.Value) != "value" {
		t.Errorf("after SIGKILL: %q, %v", e.Value, err)
	}
	p.signal(syscall.SIGTERM)
	if code := p.end(); code != 0 {
		t.Errorf("exit code %d\n%s", code, p.output())
	}
	for _, bad := range [][]string{args("1,1"), append(args("1,2"), "--pprof", "127.0.0.1:0")} {
		if p := start(t, nil, bad...); p.end() != 2 {
			t.Errorf("%q: exit code %d, want 2\n%s", bad, p.cmd.ProcessState.ExitCode(), p.output())
		}
	}
}

// The first start waits for all hosts and says for whom; then each is ready with
// id and address, keeps what it was given over SIGKILL, and stops in order.
func TestThreeHostsFromTheFirstStartToTheLastStop(t *testing.T) {
	addrs, dir := ports(t, 3), t.TempDir()
	args := func(id int) []string {
		return []string{
			"--id", fmt.Sprint(id), "--cluster", clusterOf(addrs), "--data", filepath.Join(dir, fmt.Sprint(id)),
			"--journal", filepath.Join(dir, "journal"),
		}
	}
	hosts := []*process{start(t, nil, args(1)...), start(t, nil, args(2)...)}
	hosts[0].expect("waiting", "3")
	hosts = append(hosts, start(t, nil, args(3)...))
	for i, h := range hosts {
		h.expect("msg=ready", fmt.Sprintf("id=%d", i+1), "address="+addrs[i])
	}
	db := dial(t, addrs)
	value := bytes.Repeat([]byte("v"), 1<<20)
	version, err := db.Put(t.Context(), []byte("key"), value)
	if err != nil {
		t.Fatal(err)
	}
	hosts[0].signal(syscall.SIGKILL)
	hosts[0].end()
	hosts[0] = start(t, nil, args(1)...)
	hosts[0].expect("msg=ready")
	e, err := db.Get(t.Context(), []byte("key"))
	if err != nil || e.Version != version || !bytes.Equal(e.Value, value) {
		t.Fatalf("after SIGKILL: version %d, %d bytes, %v; want version %d", e.Version, len(e.Value), err, version)
	}
	for i, s := range []os.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGTERM} {
		hosts[i].signal(s)
		if code := hosts[i].end(); code != 0 {
			t.Errorf("host %d after %v: exit code %d, want 0\n%s", i+1, s, code, hosts[i].output())
		}
	}
	lives, err := ghost.ReadDir(filepath.Join(dir, "journal"))
	if err != nil || len(lives) != 4 {
		t.Fatalf("%d journals, %v; want one for each of 4 lives", len(lives), err)
	}
}

// What kvd refuses, and how it says so.
func TestRefusals(t *testing.T) {
	addrs, dir := ports(t, 2), t.TempDir()
	list := clusterOf(addrs)
	for name, tc := range map[string]struct {
		args []string
		code int
		says []string
	}{
		"nothing":            {nil, 2, []string{"--cluster"}},
		"no id":              {[]string{"--cluster", list, "--memory"}, 2, []string{"--id"}},
		"id not in cluster":  {[]string{"--id", "7", "--cluster", list, "--memory"}, 2, []string{"--id 7", list}},
		"root not in it":     {[]string{"--id", "1", "--root", "7", "--cluster", list, "--memory"}, 2, []string{"--root 7", list}},
		"no place":           {[]string{"--id", "1", "--cluster", list}, 2, []string{"--data", "--memory"}},
		"two places":         {[]string{"--id", "1", "--cluster", list, "--data", dir, "--memory"}, 2, []string{"exclude"}},
		"a file":             {[]string{"--id", "1", "--cluster", list, "--data", os.Args[0]}, 2, []string{"--data", "is a file"}},
		"twice the same id":  {[]string{"--id", "1", "--cluster", "1=127.0.0.1:1,1=127.0.0.1:2", "--memory"}, 2, []string{"twice"}},
		"twice the address":  {[]string{"--id", "1", "--cluster", "1=127.0.0.1:1,2=localhost:1", "--memory"}, 2, []string{"hosts 1 and 2", "127.0.0.1:1"}},
		"a name":             {[]string{"--id", "1", "--cluster", "1=example.org:1", "--memory"}, 2, []string{"example.org:1", "IP"}},
		"not loopback":       {[]string{"--id", "1", "--cluster", "1=192.0.2.1:7001", "--memory"}, 2, []string{"192.0.2.1:7001", "--insecure"}},
		"wildcard":           {[]string{"--id", "1", "--cluster", list, "--listen", "0.0.0.0:7001", "--memory"}, 2, []string{"0.0.0.0:7001", "--insecure"}},
		"not in the cluster": {[]string{"--id", "1", "--cluster", list, "--listen", "127.0.0.1:1", "--memory"}, 2, []string{"127.0.0.1:1", addrs[0]}},
		"unknown flag":       {[]string{"--nonsense"}, 2, []string{"nonsense"}},
		"argument":           {[]string{"serve"}, 2, []string{`"serve"`}},
		"log format":         {[]string{"--id", "1", "--cluster", list, "--memory", "--log-format", "xml"}, 2, []string{"xml"}},
		"log level":          {[]string{"--id", "1", "--cluster", list, "--memory", "--log-level", "loud"}, 2, []string{"loud"}},
		"size":               {[]string{"--id", "1", "--cluster", list, "--memory", "--chunk", "many"}, 2, []string{"chunk", "many"}},
		"zero":               {[]string{"--id", "1", "--cluster", list, "--memory", "--holds", "0"}, 2, []string{"--holds"}},
		"chunk too large":    {[]string{"--id", "1", "--cluster", list, "--memory", "--chunk", "1GiB"}, 2, []string{"chunk"}},
		"profiles for all":   {[]string{"--id", "1", "--cluster", list, "--memory", "--pprof", "192.0.2.1:80"}, 2, []string{"--pprof", "loopback"}},
		"all in reserve":     {[]string{"--id", "1", "--cluster", list, "--memory", "--memory-limit", "10MiB", "--reserve", "20MiB"}, 2, []string{"--reserve 20MiB"}},
		"reserve too small":  {[]string{"--id", "1", "--cluster", list, "--memory", "--reserve", "2MiB"}, 2, []string{"--reserve 2.0MiB", "8388608"}},
		"limit too small":    {[]string{"--id", "1", "--cluster", list, "--memory", "--memory-limit", "8MiB"}, 2, []string{"--memory-limit 8.0MiB"}},
		"not ours":           {[]string{"--id", "1", "--cluster", list, "--data", notOurs(t)}, 1, []string{"empty directory"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := start(t, nil, tc.args...)
			code := p.end()
			if code != tc.code {
				t.Errorf("exit code %d, want %d", code, tc.code)
			}
			for _, w := range tc.says {
				if !strings.Contains(p.output(), w) {
					t.Errorf("does not say %q:\n%s", w, p.output())
				}
			}
		})
	}
}

// notOurs is a directory with somebody else's file.
func notOurs(t *testing.T) string {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "thesis.tex"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// A data directory belongs to one host of one cluster, and to one process.
func TestDataDirectories(t *testing.T) {
	addrs, dir := ports(t, 3), t.TempDir()
	alone := "1=" + addrs[0]
	running := start(t, nil, "--id", "1", "--cluster", alone, "--data", dir)
	running.expect("msg=ready")

	second := start(t, nil, "--id", "1", "--cluster", alone, "--data", dir)
	if code := second.end(); code != 1 || !strings.Contains(second.output(), dir) || !strings.Contains(second.output(), "another process") {
		t.Errorf("a second process on the directory: exit code %d\n%s", code, second.output())
	}
	samePort := start(t, nil, "--id", "1", "--cluster", alone, "--memory")
	if code := samePort.end(); code != 1 || !strings.Contains(samePort.output(), addrs[0]) || !strings.Contains(samePort.output(), "running already") {
		t.Errorf("a second process on the address: exit code %d\n%s", code, samePort.output())
	}
	running.signal(syscall.SIGTERM)
	if code := running.end(); code != 0 {
		t.Fatalf("exit code %d, want 0\n%s", code, running.output())
	}

	other := "2=" + addrs[1]
	otherHost := start(t, nil, "--id", "2", "--cluster", alone+","+other, "--data", dir)
	if code := otherHost.end(); code != 1 || !strings.Contains(otherHost.output(), "host 1 of cluster") ||
		!strings.Contains(otherHost.output(), "host 2 of cluster") || !strings.Contains(otherHost.output(), other) {
		t.Errorf("another host's directory: exit code %d\n%s", code, otherHost.output())
	}
	asRoot := start(t, nil, "--id", "1", "--cluster", alone+","+other, "--root", "2", "--data", dir, "--log-format", "json")
	if code := asRoot.end(); code != 1 {
		t.Errorf("another cluster's directory: exit code %d\n%s", code, asRoot.output())
	}
	var line struct{ Level, Error string }
	if err := json.Unmarshal([]byte(asRoot.output()), &line); err != nil || line.Level != "ERROR" || !strings.Contains(line.Error, "root=2") {
		t.Errorf("log as JSON: %v, %+v\n%s", err, line, asRoot.output())
	}
}

// A host in memory mode that was killed may not come back as if it had lost nothing.
func TestWipedHostIsToldToStop(t *testing.T) {
	addrs := ports(t, 2)
	args := func(id string) []string { return []string{"--id", id, "--cluster", clusterOf(addrs), "--memory"} }
	one, two := start(t, nil, args("1")...), start(t, nil, args("2")...)
	one.expect("msg=ready")
	two.expect("msg=ready")
	one.signal(syscall.SIGKILL)
	one.end()
	again := start(t, nil, args("1")...)
	if code := again.end(); code != 1 || !strings.Contains(again.output(), "host 2 knows an earlier incarnation of host 1") {
		t.Errorf("exit code %d\n%s", code, again.output())
	}
}

// Every flag has a twin in the environment, and a flag outranks its twin.
func TestEnvironment(t *testing.T) {
	addrs := ports(t, 1)
	p := start(t, []string{
		"KVD_ID=9", "KVD_CLUSTER=" + "1=" + addrs[0], "KVD_MEMORY=true", "KVD_LOG_FORMAT=json", "KVD_IN_FLIGHT=1MiB",
		"KVD_PPROF=" + freeTCP(t),
	}, "--id", "1")
	line := p.expect(`"profiles"`)
	var profiles struct{ Address string }
	if err := json.Unmarshal([]byte(line), &profiles); err != nil {
		t.Fatal(err)
	}
	p.expect(`"msg":"ready"`, `"id":1`, addrs[0])
	resp, err := http.Get("http://" + profiles.Address + "/debug/pprof/goroutine?debug=1")
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("profiles: %v, %v", resp, err)
	}
	_ = resp.Body.Close()
	p.signal(syscall.SIGTERM)
	if code := p.end(); code != 0 {
		t.Errorf("exit code %d\n%s", code, p.output())
	}
	wrong := start(t, []string{"KVD_CHUNK=many"}, "--id", "1")
	if code := wrong.end(); code != 2 || !strings.Contains(wrong.output(), "KVD_CHUNK") {
		t.Errorf("a bad twin: exit code %d\n%s", code, wrong.output())
	}
}

func freeTCP(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func TestVersionAndHelp(t *testing.T) {
	out, err := exec.Command(binary, "--version").Output()
	if err != nil || !strings.HasPrefix(string(out), "kvd ") {
		t.Errorf("--version: %q, %v", out, err)
	}
	out, err = exec.Command(binary, "--help").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range []string{"--cluster", "--data", "--memory", "--journal", "--insecure", "KVD_", "Exit codes"} {
		if !strings.Contains(string(out), w) {
			t.Errorf("--help does not speak of %s", w)
		}
	}
}

// A limit on memory leaves room to write to, also where it is below the usual reserve.
func TestMemoryLimit(t *testing.T) {
	addrs := ports(t, 1)
	p := start(t, nil, "--id", "1", "--cluster", clusterOf(addrs), "--memory", "--memory-limit", "16MiB")
	p.expect("msg=ready")
	db := dial(t, addrs)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := db.Put(ctx, []byte("key"), []byte("value")); err != nil {
		t.Fatal(err)
	}
}

// An error is a line of the log, whatever it has to tell to who asks for more.
func TestErrorsAreOneLine(t *testing.T) {
	var b bytes.Buffer
	log := slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{ReplaceAttr: plain}))
	log.Error("failed", "err", stacked{errors.New("no room")})
	if got := b.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, `err="no room"`) {
		t.Errorf("logged %q", got)
	}
}

// A stacked error is formatted at length, as those of Pebble are.
type stacked struct{ error }

func (e stacked) Format(s fmt.State, _ rune) {
	_, _ = fmt.Fprintf(s, "%v\n  at a.go:1\n  at b.go:2", e.error)
}
