package udp

import "errors"

// Errors of Send. In each case nothing was queued, and the caller may treat the message as lost.
var (
	// ErrTooLarge says that a message is longer than Config.MaxMessage.
	ErrTooLarge = errors.New("udp: message too large")
	// ErrBacklog says that as much is queued for the destination, or for all of them, as may be.
	// It passes as acknowledgements come in, or once the destination is given up.
	ErrBacklog = errors.New("udp: too much is queued for the destination; try again later")
	// ErrUnproven says that the destination spoke first, is still a Stranger, and would get more
	// bytes back than it sent. Classify it once it has proven its address.
	ErrUnproven = errors.New("udp: destination is unproven and would get more bytes than it sent")
	// ErrAddress says that the destination is not a valid address and port.
	ErrAddress = errors.New("udp: invalid destination address")
)
