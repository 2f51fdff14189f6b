package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"ironkv/marshal"
)

// maxLineBytes bounds a line of input, in bytes: JSON writes a byte of a value in
// at most six ("\u0000"), and the key and the field names need some room too.
const maxLineBytes = 6*(marshal.MaxValueBytes+marshal.MaxKeyBytes) + 1024

// An item is an entry to be written, and where it came from.
type item struct {
	key, value []byte
	name       string // a file's path, or FILE:LINE
}

// errLine says that a line of input is no entry.
var errLine = errors.New("cannot be read as an entry")

// eachLine calls f with the lines of r, without their newline, and their numbers from
// 1. The line is valid during the call only.
func eachLine(r io.Reader, f func(number int, line []byte) error) error {
	in := bufio.NewReaderSize(r, outputBuffer)
	var line []byte
	for number := 1; ; number++ {
		line = line[:0]
		for {
			part, err := in.ReadSlice('\n')
			line = append(line, part...)
			if len(line) > maxLineBytes {
				return fmt.Errorf("line %d %w: it is longer than %d bytes", number, errLine, maxLineBytes)
			}
			if err == nil {
				break
			}
			if errors.Is(err, io.EOF) {
				if len(line) == 0 {
					return nil
				}
				return f(number, line)
			}
			if !errors.Is(err, bufio.ErrBufferFull) {
				return err
			}
		}
		if err := f(number, line[:len(line)-1]); err != nil {
			return err
		}
	}
}

// lineJSON is an entry as load reads it: the key in one of two fields, the value too.
type lineJSON struct {
	Key     *string `json:"key"`
	Key64   *string `json:"key64"`
	Value   *string `json:"value"`
	Value64 *string `json:"value64"`
	Version uint64  `json:"version"`
}

// parseJSONLine reads an entry from a line of JSON; a blank line holds none.
func parseJSONLine(line []byte) (it item, ok bool, err error) {
	if len(bytes.TrimSpace(line)) == 0 {
		return item{}, false, nil
	}
	// encoding/json would put U+FFFD for bad bytes, and change the value silently.
	if !utf8.Valid(line) {
		return item{}, false, fmt.Errorf("%w: it is not valid UTF-8; give such bytes in base64 as key64, value64", errLine)
	}
	var l lineJSON
	var kind *json.UnmarshalTypeError
	if err := json.Unmarshal(line, &l); errors.As(err, &kind) && kind.Field != "" {
		return item{}, false, fmt.Errorf("%w: %q is a JSON %s; keys and values are strings, a version is a number", errLine, kind.Field, kind.Value)
	} else if err != nil && bytes.HasPrefix(line, []byte("\xef\xbb\xbf")) {
		return item{}, false, fmt.Errorf("%w: it begins with a byte order mark: remove that", errLine)
	} else if err != nil {
		return item{}, false, fmt.Errorf("%w: %w", errLine, err)
	}
	if it.key, err = oneOf("key", l.Key, l.Key64); err != nil {
		return item{}, false, err
	}
	if it.value, err = oneOf("value", l.Value, l.Value64); err != nil {
		return item{}, false, err
	}
	return it, true, nil
}

// oneOf takes bytes from the plain field or from the one in base64.
func oneOf(field string, plain, base *string) ([]byte, error) {
	switch {
	case plain != nil && base != nil:
		return nil, fmt.Errorf("%w: it has both %q and %q", errLine, field, field+"64")
	case plain != nil:
		return []byte(*plain), nil
	case base != nil:
		b, err := base64.StdEncoding.DecodeString(*base)
		if err != nil {
			return nil, fmt.Errorf("%w: %q is no base64: %w", errLine, field+"64", err)
		}
		return b, nil
	}
	return nil, fmt.Errorf("%w: it has neither %q nor %q", errLine, field, field+"64")
}

// parseTSVLine reads KEY, a tab, VALUE: the first tab ends the key, all else is the
// value, its bytes as they are.
func (f keyFormat) parseTSVLine(line []byte) (it item, ok bool, err error) {
	if len(line) == 0 {
		return item{}, false, nil
	}
	key, value, found := bytes.Cut(line, []byte{'\t'})
	if !found {
		return item{}, false, fmt.Errorf("%w: no tab ends the key", errLine)
	}
	if it.key, err = f.decode(string(key)); err != nil {
		return item{}, false, err
	}
	it.value = bytes.Clone(value)
	return it, true, nil
}
