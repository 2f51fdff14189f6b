package marshal

import "ironkv/delegation"

// Limits of the wire. A message beyond one of them is not decoded.
const (
	// MaxKeyBytes is the greatest length of a key, in bytes.
	MaxKeyBytes = delegation.MaxKeyBytes
	// MaxValueBytes is the greatest length of a value, in bytes (4 MiB).
	MaxValueBytes = 4 << 20
	// MaxMessageBytes is the greatest length of an encoded message. A delegate or
	// a page holds at least one entry, so it has to exceed a key and a value; the
	// rest is the soft size of a chunk or a page (at most 1 MiB) and its framing.
	MaxMessageBytes = MaxValueBytes + 1<<20 + 64<<10
	// MaxEntries is the greatest number of entries in one delegate or page.
	MaxEntries = 1 << 16
	// MaxMembers is the greatest number of hosts in a cluster.
	MaxMembers = 1024
	// MaxAddressBytes is the greatest length of a member's address, in bytes.
	MaxAddressBytes = 256
	// MaxTextBytes is the greatest length of a free text in a reply, in bytes.
	MaxTextBytes = 1024
	// MaxPieces is the greatest number of ranges, moves or delegates in one page.
	MaxPieces = 4096
	// HelloBytes is the encoded length of every [Hello]: it is padded to this, so
	// that no answer to it is longer (no amplification towards a forged source).
	HelloBytes = 128
)
