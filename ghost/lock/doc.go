// Package lock is the paper's first example under ironkv's judge: hosts in a
// ring pass a lock to each other, each holding with a higher epoch (IronFleet,
// figures 4, 5 and 9; Protocol/Lock, Services/Lock, Impl/Lock). It is small on
// purpose: it shows what a protocol needs to be judged.
//
//   - [Service] is the spec S: the history of holders, and what it means for what
//     can be seen of the network ([Correspondence]).
//   - [Node] is a host of the protocol P as a plain value; its actions [Grant]
//     and [Accept] are predicates that name the conjunct that fails.
//   - [Host] is the implementation H: it takes datagrams and returns datagrams.
//   - [System] is all hosts, the packets ever sent, and the ghost history.
//     [AbstractHost] and [AbstractService] lead from H to P and from P to S;
//     [System.Deliver] and [System.Grant] take a step of H and check it against both.
//   - [Invariants] hold in every state.
//
// tests/mutants seeds faults into it, which its tests have to catch.
//
// It is safe, not live: a lost transfer is lost for good, since hosts do not send again.
//
// It imports ghost/judge, and nothing else of ironkv.
package lock
