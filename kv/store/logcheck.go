package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// The chunks of Pebble's logs (its record package): a header of checksum (4
// bytes), length (2), kind (1), the log's number (4) and, in the kinds from
// firstSyncKind on, how far the log was synced when the chunk was made (8), all
// little-endian; then the payload. No chunk crosses the border of a block.
const (
	logBlockBytes    = 32 << 10
	recyclableHeader = 11
	syncHeader       = 19
	firstRecyclable  = 5
	firstSyncKind    = 9
	lastSyncKind     = 12
	logNumberAt      = 7
)

// syncsAfterDamage is how many different states of syncing the chunks behind an
// unreadable one have to show before it is called damaged rather than torn. A
// torn chunk was not synced. The chunk before it may be two syncs older, and
// chunks up to one sync younger may have been written together with it.
const syncsAfterDamage = 4

// A chunk is a whole chunk of a log.
type chunk struct {
	end    int
	synced uint64 // how far the log was synced when it was made
	trail  bool   // the log's last: it was closed
}

// checkNewestLog looks for damage in the middle of the newest log, which Pebble
// takes for the end that a crash tore off, and would forget what follows. Pebble
// itself is strict with the older logs, which were closed.
func checkNewestLog(fs vfs.FS, dir string) error {
	names, err := fs.List(dir)
	if err != nil {
		return classify("list "+dir, err)
	}
	newest, name := uint64(0), ""
	for _, n := range names {
		number, err := strconv.ParseUint(strings.TrimSuffix(n, ".log"), 10, 64)
		if isLog(n) && err == nil && number >= newest {
			newest, name = number, n
		}
	}
	if name == "" {
		return nil
	}
	path := fs.PathJoin(dir, name)
	file, err := fs.Open(path)
	if err != nil {
		return classify("open "+path, err)
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return classify("look at "+path, err)
	}
	b := make([]byte, info.Size())
	if _, err := io.ReadFull(file, b); err != nil {
		return classify("read "+path, err)
	}
	if at, damaged := damagedAt(b, uint32(newest)); damaged {
		return corrupt(path, fmt.Errorf("what stands at byte %d is not what was written there, for more follows", at))
	}
	return nil
}

// damagedAt returns where the log b is unreadable, and whether what follows shows
// that it had been synced.
func damagedAt(b []byte, number uint32) (at int, damaged bool) {
	var synced uint64
	for {
		c, ok := chunkAt(b, at, number)
		if ok && c.trail {
			return at, false
		}
		if ok {
			at, synced = c.end, c.synced
			continue
		}
		// The rest of a block that is too short for a header is left out.
		if next := (at/logBlockBytes + 1) * logBlockBytes; next-at < syncHeader && next < len(b) {
			at = next
			continue
		}
		break
	}
	return at, syncsLater(b, at, number, synced) >= syncsAfterDamage
}

// syncsLater counts the different states of syncing later than synced, up to
// syncsAfterDamage, that whole chunks behind an offset show, wherever they begin.
func syncsLater(b []byte, at int, number uint32, synced uint64) int {
	later := map[uint64]struct{}{}
	mark := binary.LittleEndian.AppendUint32(nil, number)
	for at++; at+recyclableHeader < len(b) && len(later) < syncsAfterDamage; at++ {
		next := bytes.Index(b[at+logNumberAt:], mark)
		if next < 0 {
			break
		}
		at += next
		if c, ok := chunkAt(b, at, number); ok && c.synced > synced {
			later[c.synced] = struct{}{}
		}
	}
	return len(later)
}

// chunkAt returns the whole chunk that begins at an offset of b, if one does.
func chunkAt(b []byte, at int, number uint32) (c chunk, ok bool) {
	block := b[at:min(len(b), (at/logBlockBytes+1)*logBlockBytes)]
	if len(block) < recyclableHeader {
		return c, false
	}
	length, kind := int(binary.LittleEndian.Uint16(block[4:])), block[6]
	header := recyclableHeader
	if kind >= firstSyncKind {
		header = syncHeader
	}
	c.trail = binary.LittleEndian.Uint32(block[logNumberAt:]) == number+1
	if kind < firstRecyclable || kind > lastSyncKind || header+length > len(block) ||
		!c.trail && binary.LittleEndian.Uint32(block[logNumberAt:]) != number {
		return c, false
	}
	if header == syncHeader {
		c.synced = binary.LittleEndian.Uint64(block[recyclableHeader:])
	}
	c.end = at + header + length
	sum := crc32.Checksum(block[6:header+length], castagnoli)
	masked := sum>>15 | sum<<17 + 0xa282ead8
	return c, masked == binary.LittleEndian.Uint32(block)
}
