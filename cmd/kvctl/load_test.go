package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ironkv/kv/cluster"
)

// oddEntries are keys and values of every kind of bytes, the ones that encodings trip
// over among them.
func oddEntries(seed uint64) map[string]string {
	entries := map[string]string{
		"\x00": "", "\xff": "\xff\xfe", "tab\tkey": "new\nline\r", "\u2028": "\u2029\ufffd", `"\"`: `\u0000`, "<&>": "<&>",
		"\xed\xa0\x80": "a lone surrogate", "ü": "ä", " ": " ", "\n": "\n", "\ufeff": "\ufeff", "big": strings.Repeat("\x01", 1<<20),
	}
	random := rand.New(rand.NewPCG(seed, 0))
	for range 300 {
		key, value := make([]byte, 1+random.IntN(40)), make([]byte, random.IntN(200))
		for _, b := range [][]byte{key, value} {
			for i := range b {
				b[i] = byte(random.Uint32())
			}
		}
		entries[string(key)] = string(value)
	}
	return entries
}

// What dump writes, load reads back bit for bit, for any bytes; over several hosts.
func TestDumpAndLoad(t *testing.T) {
	from, _ := newShell(t, 2)
	entries := oddEntries(1)
	dir := t.TempDir()
	for key, value := range entries {
		from.with([]byte(value)).ok("put", "--key-format", "hex", "--", fmt.Sprintf("%x", key), "-")
	}
	from.ok("shard", "move", "--from", "m", "--to", "2")
	dumped := from.kvctl("dump", "--key-format", "hex")
	if dumped.code != exitOK || strings.Count(dumped.out, "\n") != len(entries) || !strings.Contains(dumped.errOut, "dumped") {
		t.Fatalf("dump: exit code %d, %d lines, want %d; %s", dumped.code, strings.Count(dumped.out, "\n"), len(entries), dumped.errOut)
	}
	to, _ := newShell(t, 1)
	to.ok("load", write(t, filepath.Join(dir, "all.jsonl"), []byte(dumped.out)))
	for key, value := range entries {
		expect(t, fmt.Sprintf("the value of %q", key), to.ok("get", "--key-format", "hex", "--", fmt.Sprintf("%x", key)), value)
	}
	expect(t, "the same keys", to.ok("scan", "--keys-only", "--key-format", "hex"), from.ok("scan", "--keys-only", "--key-format", "hex"))
	// Through a pipe, and in part.
	part := from.ok("dump", "--from", "t", "--until", "u")
	third, _ := newShell(t, 1)
	third.with([]byte(part)).ok("load", "-", "--prefix", "again/")
	expect(t, "with a prefix", third.ok("get", "again/tab\tkey"), "new\nline\r")
}

// One key is one key, for each command that counts them.
func TestOneKey(t *testing.T) {
	s, _ := newShell(t, 2)
	for _, o := range []struct{ told, want string }{
		{s.with([]byte(`{"key":"k","value":"v"}`+"\n")).ok("load", "-"), "loaded 1 key, "},
		{s.kvctl("dump").errOut, "dumped 1 key, "},
		{s.ok("shard", "move", "--to", "2"), "moved 1 key, "},
		{s.ok("backup", "--to", filepath.Join(t.TempDir(), "copy")), "backed up 1 key, "},
	} {
		if !strings.Contains(o.told, o.want) {
			t.Errorf("%q, want %q", o.told, o.want)
		}
	}
}

func TestLoadDirectory(t *testing.T) {
	s, _ := newShell(t, 2)
	dir := t.TempDir()
	large := bytes.Repeat([]byte("x"), 4<<20)
	for name, content := range map[string][]byte{"a": []byte("A"), "sub/deep/b": {}, "sub/c": {0xff, 0}, "large": large} {
		write(t, filepath.Join(dir, name), content)
	}
	write(t, filepath.Join(dir, "too large"), append(large, 'x'))
	if err := os.Symlink("a", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	o := s.fails(exitFailure, "too large", "load", dir, "-o", "json")
	var loaded loadedJSON
	if err := json.Unmarshal([]byte(o.out), &loaded); err != nil {
		t.Fatal(err)
	}
	if loaded.Keys != 4 || len(loaded.Skipped) != 2 || filepath.Base(loaded.Skipped[0].Name) != "link" || filepath.Base(loaded.Skipped[1].Name) != "too large" {
		t.Errorf("load: %+v", loaded)
	}
	if reason := "4,194,305 bytes, a value has at most 4,194,304"; loaded.Skipped[1].Reason != reason {
		t.Errorf("a value of one byte too many is skipped for %q, want %q", loaded.Skipped[1].Reason, reason)
	}
	expect(t, "keys are paths", s.ok("scan", "--keys-only"), "a\nlarge\nsub/c\nsub/deep/b\n")
	expect(t, "the greatest value", s.ok("get", "large"), string(large))
	out := s.ok("load", dir, "--skip-large", "--prefix", "p/", "--parallel", "1")
	if !strings.HasPrefix(out, "loaded 4 keys, 4.2 MB in ") || !strings.HasSuffix(out, ", 2 skipped\n") {
		t.Errorf("load printed %q", out)
	}
	expect(t, "with a prefix", s.ok("get", "p/sub/c"), "\xff\x00")
	s.fails(exitFailure, "no such file", "load", filepath.Join(dir, "nothing"))
}

func TestLoadLines(t *testing.T) {
	s, _ := newShell(t, 1)
	dir := t.TempDir()
	tsv := write(t, filepath.Join(dir, "f.tsv"), []byte("a\tA\nb\tB\tand a tab \r\n\nc\t\nno newline\tat the end"))
	s.ok("load", tsv)
	expect(t, "TSV, bytes as they are", s.ok("scan"), "a\tA\nb\tB\tand a tab \r\nc\t\nno newline\tat the end\n")
	s.ok("load", write(t, filepath.Join(dir, "f.txt"), []byte("7a\thex\n")), "--format", "tsv", "--key-format", "hex")
	expect(t, "keys in hex", s.ok("get", "z"), "hex")

	// Of a key that stands there often, the last line wins, however batches fly.
	var lines bytes.Buffer
	for i := range 1000 {
		fmt.Fprintf(&lines, "{\"key\":\"twice%d\",\"value\":\"%d\"}\n", i%7, i)
	}
	s.with(lines.Bytes()).ok("load", "-")
	for i := range 7 {
		last := i + 7*((999-i)/7) // the greatest number below 1,000 that leaves i
		expect(t, "the last of its lines", s.ok("get", fmt.Sprintf("twice%d", i)), fmt.Sprint(last))
	}
	for line, says := range map[string]string{
		`{"key":"k"}`: "neither", `{"value":"k"}`: "neither", `{"key":"k","key64":"aw==","value":""}`: "both", `nonsense`: "invalid character",
		`{"key":"k","value":5}`: `"value" is a JSON number`, "\xef\xbb\xbf{\"key\":\"k\",\"value\":\"\"}": "byte order mark",
		`{"key64":"!","value":""}`: "base64", "{\"key\":\"k\",\"value\":\"\xff\"}": "UTF-8",
	} {
		s.with([]byte("{\"key\":\"before\",\"value\":\"\"}\n"+line)).fails(exitFailure, "stdin:2", "load", "-")
		s.with([]byte(line)).fails(exitFailure, says, "load", "-", "--format", "jsonl")
	}
	s.with([]byte("no tab\n")).fails(exitFailure, "no tab", "load", "-", "--format", "tsv")
	expect(t, "what stood before a bad line is there", s.ok("get", "before"), "")
}

// An ending does something before what it reads ends.
type ending struct {
	io.Reader
	before func()
}

func (r ending) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err != nil {
		r.before()
	}
	return n, err
}

// Who ends a load has interrupted it, whatever becomes of the writes under way, and is
// told how to go on.
func TestLoadInterrupted(t *testing.T) {
	s, c := newShell(t, 1, cluster.MemoryLimit(1)) // without room even for an answer
	ctx, cancel := context.WithCancel(t.Context())
	steps := func() uint64 {
		stats, err := c.Stats(1)
		if err != nil {
			t.Error(err)
		}
		return stats.Steps
	}
	const enough = 10 // steps: those that open a session are fewer, and the write is refused again and again
	began := steps()
	interrupt := func() {
		for !t.Failed() && steps() < began+enough {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}
	var out, errOut bytes.Buffer
	code := run(ctx, []string{"--addr", s.addr, "load", "-"}, ending{strings.NewReader(`{"key":"k","value":"v"}` + "\n"), interrupt}, &out, &errOut)
	if told := errOut.String(); code != exitFailure || !strings.Contains(told, "0 keys of stdin are written") || !strings.HasSuffix(told, "kvctl: interrupted\n") {
		t.Fatalf("exit code %d, %s", code, told)
	}
}

// A key or a value that the store cannot take is skipped and named, wherever it stands.
func TestLoadSkipsWhatIsTooLarge(t *testing.T) {
	s, _ := newShell(t, 1)
	key, value := strings.Repeat("k", 4097), strings.Repeat("v", 4<<20+1)
	lines := fmt.Sprintf("{\"key\":%q,\"value\":\"\"}\n{\"key\":\"a\",\"value\":%q}\n{\"key\":\"b\",\"value\":\"fits\"}\n{\"key\":\"\",\"value\":\"\"}\n", key, value)
	o := s.with([]byte(lines)).fails(exitFailure, "3 items skipped", "load", "-")
	for _, name := range []string{"stdin:1", "stdin:2", "stdin:4"} {
		if !strings.Contains(o.errOut, name) {
			t.Errorf("stderr does not name %s: %s", name, o.errOut)
		}
	}
	expect(t, "the rest is there", s.ok("scan"), "b\tfits\n")
}

// Off a terminal there is no bar, no colour, and no carriage return.
func TestNoBarOffATerminal(t *testing.T) {
	s, _ := newShell(t, 2)
	dir := t.TempDir()
	for i := range 50 {
		write(t, filepath.Join(dir, fmt.Sprint(i)), bytes.Repeat([]byte("x"), 10_000))
	}
	for _, args := range [][]string{
		{"load", dir},
		{"shard", "move", "--to", "2"},
		{"dump"},
		{"scan"},
		{"shard", "ls"},
		{"move", "ls"},
		{"host", "ls"},
		{"audit"},
		{"backup", "--to", filepath.Join(t.TempDir(), "b")},
		{"get", "1"},
		{"get", "none"},
		{"--help"},
	} {
		o := s.kvctl(args...)
		if all := o.out + o.errOut; strings.ContainsAny(all, "\x1b\r") || strings.Contains(all, "█") {
			t.Errorf("kvctl %q prints %q", args, all)
		}
	}
}

// FuzzLine: an entry of any bytes survives its JSON line, and no line is a surprise.
func FuzzLine(f *testing.F) {
	f.Add([]byte("key"), []byte("value"), []byte(`{"key":"k","value64":"AA=="}`))
	f.Add([]byte{0xff}, []byte{0}, []byte("{}"))
	f.Fuzz(func(t *testing.T, key, value, line []byte) {
		var out bytes.Buffer
		shape := entryJSON{}
		shape.Key, shape.Key64 = bytesJSON(key)
		shape.Value, shape.Value64 = bytesJSON(value)
		if err := newEncoder(&out).Encode(shape); err != nil {
			t.Fatal(err)
		}
		err := eachLine(&out, func(_ int, line []byte) error {
			it, ok, err := parseJSONLine(line)
			if err != nil || !ok || !bytes.Equal(it.key, key) || !bytes.Equal(it.value, value) {
				t.Fatalf("%q %q became %q %q (%v, %v)", key, value, it.key, it.value, ok, err)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if it, ok, err := parseJSONLine(line); err != nil && (ok || it.key != nil && it.value != nil) {
			t.Fatalf("%q: an error and an entry", line)
		}
	})
}

// FuzzTSVLine: a line of any bytes is refused, or is a key, a tab and the value as it
// stands; and a key that was read is read again from how it is printed.
func FuzzTSVLine(f *testing.F) {
	formats := []keyFormat{keyUTF8, keyHex, keyBase64}
	for i, line := range []string{"key\tvalue\twith a tab", "6b6579\tvalue", "a2V5\t", "no tab", "\t", "zz\tno hex", ""} {
		f.Add(uint8(i), []byte(line))
	}
	f.Fuzz(func(t *testing.T, format uint8, line []byte) {
		keys := formats[int(format)%len(formats)]
		it, ok, err := keys.parseTSVLine(line)
		if !ok {
			if err == nil && len(line) > 0 || it.key != nil || it.value != nil {
				t.Fatalf("%q: no entry, but %+v, %v", line, it, err)
			}
			return
		}
		key, value, tab := bytes.Cut(line, []byte{'\t'})
		if err != nil || !tab || !bytes.Equal(value, it.value) || keys == keyUTF8 && !bytes.Equal(key, it.key) {
			t.Fatalf("%q: key %q, value %q, %v", line, it.key, it.value, err)
		}
		if again, err := keys.decode(keys.encode(it.key)); err != nil || !bytes.Equal(again, it.key) {
			t.Fatalf("%q as %s is read as %q, %v", it.key, keys, again, err)
		}
	})
}

func TestLineTooLong(t *testing.T) {
	err := eachLine(strings.NewReader("short\n"+strings.Repeat("x", maxLineBytes+1)), func(int, []byte) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("a line beyond the bound: %v", err)
	}
}
