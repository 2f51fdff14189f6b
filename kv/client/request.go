package client

import "ironkv/marshal"

// message builds o's request. Those of the hot kinds share the engine's memory
// and are valid until the next call.
func (e *engine) message(o *op) marshal.Message {
	rh := marshal.RequestHeader{Session: o.session.id, Number: o.number}
	wh := marshal.WriteHeader{Floor: o.session.floor, Operation: o.operation}
	var hint marshal.Hint
	if o.hintFor == o.host.id {
		hint = o.hint
	}
	switch o.kind {
	case opGet:
		e.get = marshal.GetRequest{RequestHeader: rh, Hint: hint, Key: o.key}
		return &e.get
	case opSet:
		e.set = marshal.SetRequest{
			RequestHeader: rh, WriteHeader: wh, Hint: hint,
			Key: o.key, Value: o.value, Delete: o.remove, Condition: o.cond,
		}
		return &e.set
	case opScan:
		e.scan = marshal.ScanRequest{
			RequestHeader: rh, Hint: hint, Range: o.rng,
			Limit: o.limit, MaxBytes: o.maxBytes, Mode: o.mode,
		}
		return &e.scan
	case opShard:
		return &marshal.Shard{RequestHeader: rh, WriteHeader: wh, Range: o.rng, Recipient: o.recipient, Rate: o.rate}
	case opOrder:
		return &marshal.MoveOrder{RequestHeader: rh, WriteHeader: wh, Move: o.move, Action: o.action, Rate: o.rate}
	case opMoves:
		return &marshal.MovesRequest{RequestHeader: rh, After: o.after}
	case opStatus:
		return &marshal.StatusRequest{RequestHeader: rh}
	case opAudit:
		return &marshal.AuditRequest{RequestHeader: rh, Cut: o.cut, Page: o.page, QuietMillis: o.quiet}
	case opDial:
	}
	panic("client: a dial has no request of its own")
}
