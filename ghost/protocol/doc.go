// Package protocol is P: what the hosts of a cluster do, said as plainly as can
// be (IronFleet, section 5.2.1; Protocol/SHT/Host.i.dfy, SingleDelivery.i.dfy,
// Delegations.i.dfy, RefinementProof/SHT.i.dfy). It is made to be read beside
// the paper, and is naive on purpose: kv is the machine that is fast.
//
// A [Host] is a plain value; a [System] is all hosts and the network, a set of
// packets that only grows, so that a packet may arrive late, again, in any order,
// or never. An [Action] is one atomic action of a host with the choices that it
// makes. It says when it may be taken, as conjuncts with a name each, and what
// the host is afterwards, what it sends, and what it executes of the spec. [Next]
// is the predicate over the states before and after; [System.Next] generates all
// actions that are enabled.
//
// The paper's actions:
//
//	ReceivePacket, then ProcessReceivedPacket    one action here, by message:
//	  NextGetRequest, NextSetRequest             [NextGetRequest], [NextSetRequest]
//	  NextDelegate, MaybeAckPacket               [NextDelegate], [ReceiveOld]
//	  NextReply, NextRedirect                    none: in the paper, hosts drop such packets
//	  NextShard                                  [NextOrder] admits, [NextShard] hands over
//	ReceiveAck                                   [ReceiveAck]
//	SpontaneouslyRetransmit                      [SpontaneouslyRetransmit]
//	SHT_NextExternal (what clients send)         [Client]
//
// Ours: a Shard order makes a move, which hands its range over in chunks without
// a further message ([NextShard], [ChangeMove]); clients have sessions, in which
// each number of a write has one recorded answer, redirects included
// ([OpenSession], [CloseSession], [RepeatAnswer]); pages of scans
// ([NextScanRequest]); incarnations and the acquaintance of hosts ([Meet],
// [SendGreet]). A request that is held, refused or dropped, and a crash with its
// restart, change nothing that P knows: they are stutters, and a held request is
// one that is received later. P leaves out time, rates, room, sizes, bytes, and
// bounds on anything.
//
// It imports delegation and marshal for their words, ghost/spec for what is
// executed, and ghost/judge.
package protocol
