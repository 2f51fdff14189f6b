package kv

import "errors"

// ErrLostState says that this host's state is not the one its peers have dealt
// with: it was wiped, or restored from an older copy. The host stops, since
// going on could give a key two owners or none. The message says what to do.
var ErrLostState = errors.New("this host has lost state")
