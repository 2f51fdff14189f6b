package protocol

import (
	"slices"

	"ironkv/ghost/spec"
	"ironkv/marshal"
)

// ExecutedReply is what S knows of the reply to a request that was executed; false
// for other messages: a redirect, and that there was no room, say that it was not.
func ExecutedReply(m Message) (spec.Given, bool) {
	switch r := m.(type) {
	case GetReply:
		return spec.Given{Ticket: spec.Ticket(r.Header), Reply: spec.GetReply{Found: r.Found, Entry: r.Entry}}, true
	case ScanReply:
		return spec.Given{Ticket: spec.Ticket(r.Header), Reply: spec.ScanReply{Covered: r.Covered, Keys: r.Keys, Entries: r.Entries}}, true
	case SetReply:
		return spec.Given{Ticket: spec.Ticket(r.Header), Reply: spec.SetReply{Result: r.Result, Version: r.Version}}, r.Result != marshal.SetNoRoom
	case OrderReply:
		return spec.Given{Ticket: spec.Ticket(r.Header), Reply: spec.OrderReply{Reason: r.Reason}}, true
	}
	return spec.Given{}, false
}

// Correspondence says that what the packets tell clients S has replied, to the
// request whose reply they say they are. Source: Service_Correspondence,
// Services/SHT/AbstractService.s.dfy.
func Correspondence(service spec.State, packets []Packet) error {
	for _, p := range packets {
		if told, ok := ExecutedReply(p.Msg); ok {
			if err := service.Gave(told); err != nil {
				return err
			}
		}
	}
	return nil
}

// Correspondence says so of every packet that was ever sent. The source's other two
// conjuncts, that somebody has sent what S has executed, are not said here: hosts of P
// take packets of the network only, and who explores them leaves out of it what is spent.
func (s System) Correspondence() error {
	return Correspondence(s.Service, slices.Collect(s.Network.All()))
}
