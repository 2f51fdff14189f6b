package marshal

// A kind is the code that a message's bytes begin with. The codes are part of
// the wire's format: a new message takes a new one, and none is used again. They
// stay below 128, where msgpack needs one byte.
type kind uint8

// Codes of the messages that open a session, of requests, of answers, and of
// messages between hosts; each group has room to grow.
const (
	kindHello kind = 1 + iota
	kindCookieReply
	kindOpen
	kindOpened
	kindCloseRequest
)

const (
	kindGetRequest kind = 16 + iota
	kindSetRequest
	kindScanRequest
	kindShard
	kindMoveOrder
	kindMovesRequest
	kindStatusRequest
	kindAuditRequest
)

const (
	kindGetReply kind = 32 + iota
	kindSetReply
	kindRedirect
	kindScanReply
	kindOrderReply
	kindMovesReply
	kindStatusReply
	kindAuditReply
	kindRefusal
)

const (
	kindGreet kind = 48 + iota
	kindMismatch
	kindPropose
	kindConsent
	kindSingle
	kindAck
)

// kinds says of each code the message's name and how many elements its array
// has, the code included: at most 15, so that the array's header is one byte.
// A code without a name is no message's.
var kinds = [...]struct {
	name     string
	elements byte
}{
	kindHello:         {"Hello", 3},
	kindCookieReply:   {"CookieReply", 3},
	kindOpen:          {"Open", 3},
	kindOpened:        {"Opened", 9},
	kindCloseRequest:  {"CloseRequest", 3},
	kindGetRequest:    {"GetRequest", 5},
	kindSetRequest:    {"SetRequest", 10},
	kindScanRequest:   {"ScanRequest", 9},
	kindShard:         {"Shard", 10},
	kindMoveOrder:     {"MoveOrder", 10},
	kindMovesRequest:  {"MovesRequest", 4},
	kindStatusRequest: {"StatusRequest", 4},
	kindAuditRequest:  {"AuditRequest", 6},
	kindGetReply:      {"GetReply", 5},
	kindSetReply:      {"SetReply", 5},
	kindRedirect:      {"Redirect", 7},
	kindScanReply:     {"ScanReply", 8},
	kindOrderReply:    {"OrderReply", 9},
	kindMovesReply:    {"MovesReply", 5},
	kindStatusReply:   {"StatusReply", 15},
	kindAuditReply:    {"AuditReply", 12},
	kindRefusal:       {"Refusal", 4},
	kindGreet:         {"Greet", 9},
	kindMismatch:      {"Mismatch", 5},
	kindPropose:       {"Propose", 9},
	kindConsent:       {"Consent", 8},
	kindSingle:        {"Single", 9},
	kindAck:           {"Ack", 7},
}

// known reports whether k is the code of a message.
func (k kind) known() bool { return int(k) < len(kinds) && kinds[k].name != "" }
