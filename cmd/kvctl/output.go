package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"ironkv/delegation"
	"ironkv/kv/client"
)

// An outputFormat says how results are printed.
type outputFormat string

const (
	outputText outputFormat = "text"
	outputJSON outputFormat = "json"
)

// String, Set and Type make an outputFormat a flag's value.
func (o *outputFormat) String() string { return string(*o) }

// Set takes the flag's argument.
func (o *outputFormat) Set(s string) error {
	switch f := outputFormat(s); f {
	case outputText, outputJSON:
		*o = f
		return nil
	}
	return fmt.Errorf("one of text, json")
}

// Type names the kind of argument for the help text.
func (o *outputFormat) Type() string { return "FORMAT" }

// jsonVersion counts the incompatible changes of the JSON shapes.
const jsonVersion = 1

const jsonHelp = `The JSON of kvctl, version 1. Within a version fields are added, never removed,
renamed or given another meaning; "kvctl version -o json" tells the version as "json".

Bytes. A key stands in "key" as --key-format says. With utf8, a key that is not
valid UTF-8 stands in "key64" instead, in base64; likewise "from64" and "until64".
A value stands in "value" if it is valid UTF-8, else in "value64", in base64.
"from" or "until" that is null is an open end: no lower, no upper bound.

  get              {"key", "value", "version"}
  put              {"key", "version"}
  del              {"key", "deleted": true}
  scan             one line per entry: {"key", "value", "version"}; --keys-only leaves the value out
  dump             the same, with keys as utf8 whatever --key-format says
  load reads       one object per line: "key" or "key64", "value" or "value64"; other fields are ignored
  load, restore    {"keys", "bytes", "seconds", "skipped": [{"name", "reason"}]}
  backup           {"keys", "bytes", "seconds", "files"}
  shard ls         {"shards": [{"from", "until", "owner", "keys", "bytes", "in_flight": {"from", "to"}, "moves"}]}
                   a range in flight has the owner 0 and names its hosts; an unknown owner is 0 without them;
                   "moves" are texts for people
  shard move       {"moves": [MOVE], "keys", "bytes", "seconds"}; with --async {"ids": [ID]}
  move wait        as shard move
  move ls          {"moves": [MOVE]}
  move show, pause, resume, throttle, cancel    MOVE
  MOVE             {"id", "from", "until", "source", "recipient", "phase", "reason", "moved": {"from", "until"},
                   "left": {"from", "until"}, "keys", "bytes", "chunks", "unacked", "rate", "seconds"}
                   "moved" or "left" is null where it is empty; "rate" is bytes per second, 0: yields to
                   clients, -1: unlimited; show adds "keys_left", "bytes_left", "eta_seconds", and
                   a "reason" while the move waits for a host that does not answer; of a move
                   that its host has forgotten, "phase" is "forgotten", and besides it only "id" and "source"
                   mean anything
  host ls          {"hosts": [{"id", "address", "reachable", "error", "incarnation", "ranges", "keys", "bytes",
                   "uptime_seconds", "version", "durable", "room", "sessions", "holds", "steps", "clock"}]}
  audit            {"verdict": "single-owner" | "violation" | "undetermined", "detail", "partition": [as shard ls, without sizes],
                   "hosts": [{"id", "incarnation", "step"}], "unreachable", "in_flight", "tries", "seconds"}
  verify           {"hosts", "lives", "steps", "packets", "delegates", "requests", "cuts", "discarded", "shed", "unended"}
  version          {"version", "go", "json"}

Versions of entries are integers up to 2^64-1; incarnations are strings of hex digits.
`

// bytesJSON is a byte string as JSON carries it: as text, or in base64 beside it.
func bytesJSON(b []byte) (plain, base *string) {
	if utf8.Valid(b) {
		s := string(b)
		return &s, nil
	}
	s := base64.StdEncoding.EncodeToString(b)
	return nil, &s
}

// json is what the fields "key" and "key64" hold.
func (f keyFormat) json(key []byte) (plain, base *string) {
	if f == keyUTF8 {
		return bytesJSON(key)
	}
	s := f.encode(key)
	return &s, nil
}

type entryJSON struct {
	Key     *string `json:"key,omitempty"`
	Key64   *string `json:"key64,omitempty"`
	Value   *string `json:"value,omitempty"`
	Value64 *string `json:"value64,omitempty"`
	Version *uint64 `json:"version,omitempty"`
	Deleted bool    `json:"deleted,omitempty"`
}

// entryOf is the JSON of an entry, with or without its value.
func (f keyFormat) entryOf(e client.Entry, withValue bool) entryJSON {
	out := entryJSON{Version: &e.Version}
	out.Key, out.Key64 = f.json(e.Key)
	if withValue {
		out.Value, out.Value64 = bytesJSON(e.Value)
	}
	return out
}

// rangeJSON is a range; both texts of an end are null where it is open.
type rangeJSON struct {
	From    *string `json:"from"`
	From64  *string `json:"from64,omitempty"`
	Until   *string `json:"until"`
	Until64 *string `json:"until64,omitempty"`
}

func (f keyFormat) rangeOf(r delegation.Range) rangeJSON {
	var out rangeJSON
	out.From, out.From64 = f.boundJSON(r.From)
	out.Until, out.Until64 = f.boundJSON(r.Until)
	return out
}

func (f keyFormat) boundJSON(b delegation.Bound) (plain, base *string) {
	key, ok := b.Key()
	if !ok {
		return nil, nil
	}
	return f.json([]byte(key))
}

// until is the end of the range, where the keys are utf8.
func (r rangeJSON) until() (delegation.Bound, error) {
	switch {
	case r.Until64 != nil:
		b, err := base64.StdEncoding.DecodeString(*r.Until64)
		if err != nil {
			return delegation.Bound{}, err
		}
		return delegation.NewBound(b)
	case r.Until != nil:
		return delegation.NewBound([]byte(*r.Until))
	}
	return delegation.PosInf, nil
}

// newEncoder returns an encoder of JSON lines that leaves <, > and & alone.
func newEncoder(w io.Writer) *json.Encoder {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc
}

// emit prints a result: v as one line of JSON, or what text writes.
func (a *app) emit(v any, text func(w io.Writer) error) error {
	if a.output == outputJSON {
		return newEncoder(a.out).Encode(v)
	}
	return text(a.out)
}

// printTable prints rows under a header, without colour: it may be read by a program.
func printTable(w io.Writer, header table.Row, numeric []int, rows []table.Row) error {
	t := table.NewWriter()
	t.AppendHeader(header)
	t.AppendRows(rows)
	t.SetStyle(table.StyleLight)
	style := t.Style()
	style.Options = table.OptionsNoBordersAndSeparators
	style.Format.Header = text.FormatUpper
	style.Box.PaddingLeft = ""
	style.Box.PaddingRight = "  "
	var columns []table.ColumnConfig
	for _, n := range numeric {
		columns = append(columns, table.ColumnConfig{Number: n, Align: text.AlignRight, AlignHeader: text.AlignRight})
	}
	t.SetColumnConfigs(columns)
	t.SuppressTrailingSpaces()
	_, err := fmt.Fprintln(w, t.Render())
	return err
}
