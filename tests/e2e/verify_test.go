package e2e_test

import (
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"ironkv/delegation"
	"ironkv/kv/client"
	"ironkv/tests/daemon"
	"ironkv/tests/seeded"
)

// build builds programs into dir, with further arguments of go build.
func build(t *testing.T, dir string, args ...string) {
	t.Helper()
	args = append([]string{"build", "-ldflags=-s -w", "-o", dir + "/"}, args...)
	if out, err := exec.CommandContext(t.Context(), "go", args...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// readsAgain runs three hosts that write journals. What one client has written there
// another moves away and writes anew; then the first, who knows nothing of it, reads it.
func readsAgain(t *testing.T, kvd, journals string) {
	t.Helper()
	hosts, err := daemon.Start(context.WithoutCancel(t.Context()), kvd, t.TempDir(), 3, "--journal", journals)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = hosts.Stop() })
	dial := func() *client.Client {
		c, err := client.Dial(t.Context(), hosts.Addrs(), client.WithTimeout(patience))
		if err != nil {
			t.Fatal(err, hosts.Logs())
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	first, other := dial(), dial()
	key := []byte("apple")
	_, err = first.Put(t.Context(), key, []byte("old"))
	ids, moving := other.MoveShard(t.Context(), delegation.All, 2, client.Unlimited())
	for _, id := range ids {
		_, waiting := other.WaitMove(t.Context(), id, nil)
		moving = errors.Join(moving, waiting)
	}
	_, writing := other.Put(t.Context(), key, []byte("new"))
	_, reading := first.Get(t.Context(), key)
	if errors.Is(reading, client.ErrNotFound) {
		reading = nil // what it gets is for the judge
	}
	if err := errors.Join(err, moving, writing, reading, first.Close(), other.Close(), hosts.Stop()); err != nil {
		t.Fatal(err, hosts.Logs())
	}
}

// verify runs kvctl verify.
func verify(t *testing.T, bin string, args ...string) (code int, out, errs string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(bin, "kvctl"), append([]string{"verify"}, args...)...)
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()
}

// Journals of real hosts: of good ones kvctl verify counts what it has checked; of such as
// answer for what they gave away it exits with 1 and tells which step of which host is
// wrong, by which packet, about which key; and a kvctl of another tree says that it is.
func TestVerifyTellsWhatIsWrong(t *testing.T) {
	all, err := seeded.Faults("../..")
	if err != nil {
		t.Fatal(err)
	}
	overlay, err := all["get-at-any-host"].Overlay(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	good, faulty := filepath.Join(dir, "good"), filepath.Join(dir, "faulty")
	goods, faults := filepath.Join(dir, "goods"), filepath.Join(dir, "faults")
	build(t, good, "ironkv/cmd/kvctl")
	build(t, faulty, "-overlay", overlay, "ironkv/cmd/kvctl", "ironkv/cmd/kvd")
	readsAgain(t, kvd, goods)
	readsAgain(t, filepath.Join(faulty, "kvd"), faults)

	const counts = `checked 3 hosts in 3 lives: [1-9]\d* steps, [1-9]\d* packets between hosts, [1-9]\d* delegates, [1-9]\d* requests executed, [1-9]\d* cuts`
	const file, read = `^kvctl: journal \S+host-1-\S+\.journal: `, `GetRequest of "apple" from client 127\.0\.0\.1:\d+, Get: `
	for _, c := range []struct {
		name, bin, journals string
		code                int
		told                string
	}{
		{"a good run", good, goods, 0, `^$`},
		{
			"a read at the old owner", faulty, faults, 1,
			file + `Refinement: step \d+ of host 1, ` + read + `not a step of the spec: .* is told spec\.GetReply absent, which S has not replied to it\n$`,
		},
		{"a kvctl of another tree", good, faults, 1, file + `step \d+, GetRequest of "apple" .*: this program's machine does not do what the journal says`},
	} {
		code, out, told := verify(t, c.bin, c.journals)
		if code != c.code || !regexp.MustCompile(counts).MatchString(out) || !regexp.MustCompile(c.told).MatchString(told) {
			t.Errorf("%s: exit code %d, want %d;\n%s\n%s\nwant %s\n%s", c.name, code, c.code, out, told, counts, c.told)
		}
	}
}
