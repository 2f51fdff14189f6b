package main

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"

	"github.com/spf13/cobra"

	"ironkv/delegation"
)

// A keyFormat says how keys stand on the command line and in what is printed.
type keyFormat string

const (
	keyUTF8   keyFormat = "utf8" // the bytes as they are
	keyHex    keyFormat = "hex"
	keyBase64 keyFormat = "base64" // standard alphabet, padded (RFC 4648, section 4)
)

// String, Set and Type make a keyFormat a flag's value.
func (f *keyFormat) String() string { return string(*f) }

// Set takes the flag's argument.
func (f *keyFormat) Set(s string) error {
	switch k := keyFormat(s); k {
	case keyUTF8, keyHex, keyBase64:
		*f = k
		return nil
	}
	return fmt.Errorf("one of utf8, hex, base64")
}

// Type names the kind of argument for the help text.
func (f *keyFormat) Type() string { return "FORMAT" }

// decode reads key bytes as they stand on the command line.
func (f keyFormat) decode(s string) ([]byte, error) {
	var b []byte
	var err error
	switch f {
	case keyUTF8:
		return []byte(s), nil
	case keyHex:
		b, err = hex.DecodeString(s)
	case keyBase64:
		b, err = base64.StdEncoding.DecodeString(s)
	}
	if err != nil {
		return nil, usagef("%q is not %s, as --key-format says: %w", s, f, err)
	}
	return b, nil
}

// key reads a key.
func (f keyFormat) key(s string) ([]byte, error) {
	b, err := f.decode(s)
	if err != nil {
		return nil, err
	}
	if _, err := delegation.NewKey(b); err != nil {
		return nil, usageError{err}
	}
	return b, nil
}

// encode prints key bytes: as they are, or in an encoding.
func (f keyFormat) encode(key []byte) string {
	switch f {
	case keyHex:
		return hex.EncodeToString(key)
	case keyBase64:
		return base64.StdEncoding.EncodeToString(key)
	case keyUTF8:
	}
	return string(key)
}

// bound prints a bound for a person: -inf, +inf, or the key, which is quoted
// unless it is encoded, so that neither odd bytes nor a key named "-inf" mislead.
func (f keyFormat) bound(b delegation.Bound) string {
	key, ok := b.Key()
	if !ok || f == keyUTF8 {
		return b.String()
	}
	return f.encode([]byte(key))
}

// rangeFlags are --prefix, --from and --until.
type rangeFlags struct{ prefix, from, until string }

func (r *rangeFlags) add(cmd *cobra.Command, withPrefix bool) {
	if withPrefix {
		cmd.Flags().StringVar(&r.prefix, "prefix", "", "only keys that begin with `PREFIX`")
	}
	cmd.Flags().StringVar(&r.from, "from", "", "from this `KEY` on (included); left out: from the first")
	cmd.Flags().StringVar(&r.until, "until", "", "until this `KEY` (excluded); left out: to the last")
	if withPrefix {
		cmd.MarkFlagsMutuallyExclusive("prefix", "from")
		cmd.MarkFlagsMutuallyExclusive("prefix", "until")
	}
}

// parse returns the range that the flags of cmd ask for.
func (r *rangeFlags) parse(cmd *cobra.Command, f keyFormat) (delegation.Range, error) {
	if flag := cmd.Flags().Lookup("prefix"); flag != nil && flag.Changed {
		p, err := f.decode(r.prefix)
		if err != nil {
			return delegation.Range{}, err
		}
		if len(p) > delegation.MaxKeyBytes {
			return delegation.Range{}, usagef("--prefix has %d bytes, a key at most %d", len(p), delegation.MaxKeyBytes)
		}
		return delegation.Prefix(p), nil
	}
	from, err := r.bound(cmd, "from", r.from, delegation.NegInf, f)
	if err != nil {
		return delegation.Range{}, err
	}
	until, err := r.bound(cmd, "until", r.until, delegation.PosInf, f)
	if err != nil {
		return delegation.Range{}, err
	}
	out, err := delegation.NewRange(from, until)
	if err != nil {
		return delegation.Range{}, usagef("--until must be above --from: %w", err)
	}
	return out, nil
}

func (r *rangeFlags) bound(cmd *cobra.Command, flag, text string, open delegation.Bound, f keyFormat) (delegation.Bound, error) {
	if !cmd.Flags().Changed(flag) {
		return open, nil
	}
	if text == "" {
		return delegation.Bound{}, usagef("--%s is empty: leave the flag out where the range is to have no such end", flag)
	}
	b, err := f.decode(text)
	if err != nil {
		return delegation.Bound{}, err
	}
	bound, err := delegation.NewBound(b)
	if err != nil {
		return delegation.Bound{}, usagef("--%s: %w", flag, err)
	}
	return bound, nil
}
