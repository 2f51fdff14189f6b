// Package explorer searches all behaviours of small clusters, on the machine
// that kvd runs ([kv.Host]) and not on a model of it: every order of deliveries,
// every loss, delay, duplicate and retransmission of packets, every moment for a
// crash and a restart, and all that clients can make of the answers (IronFleet,
// section 3.3, proves what is searched here).
//
// # What a scope is
//
// A [Scope] says how many hosts there are, what is stored, what each client asks
// for one request after the other, and how often a host may crash, a client may
// give up, a host's clock may jump, and its disk may fill up or have room again. A
// crash leaves what is durable, and room is a number: both may happen any number of
// times ([AnyNumber]), and there are still finitely many states. It begins where the
// hosts have met and the clients have sessions. It is explored to the end, never cut by a budget.
//
// # What makes it finite
//
// The network is the set of all packets ever sent, as in the paper. A delivery
// takes nothing out of it. So a packet that arrives late, again, out of order, or
// never is a choice of the search already, and a retransmission of what was sent
// before changes nothing. Time stands still: every timer that is due may fire at
// any moment or never, and Scope.Waits says how often one that is not yet due may.
//
// # What makes it small
//
// What hosts do is computed once for each state of a host and each event, and
// judged once for each state of S that it does it in, as the other hosts have no part in
// it; the invariants are checked once for each state of all hosts. See [graph]. Where time stands still hosts
// are one state that differ only in what time would bring to light
// ([kv.Host.EncodeStill]); a test sees that they behave alike. Greetings and
// acknowledgements whose numbers are behind their receiver are one packet for each kind
// (spent.go); a test sees that they do the same. Two things are left out
// that cannot be told apart from what is searched: a client sends its first
// request at the beginning and each further one as soon as it has the answer (a
// later sending is a later delivery); and where one answer is the only thing that
// can happen to a client, it takes it at once, which no host can see.
//
// # What would make it no smaller
//
// Other ways to take states for one were tried and left, for what they leave out is little
// where hosts crash, which is where scopes are large. Counted after a search of all states:
//
//   - Packets that their receiver, and whatever it becomes, never heeds again, as a request
//     that was executed: without them chase has 3,378 states at best, of 5,070, and return 733
//     of 757; but with one crash (one key) chase has all of its 29,556, and so has crashes its
//     15,004. A host that has crashed heeds them once more.
//   - States that are another with fewer crashes, jumps or changes of room left. With one
//     move, there are none where there is one crash, 3 to 13 of 100 where there are two, and
//     9 where there is one of each of the three.
//   - Deliveries to different hosts in one order only (a persistent set): what a host does
//     next may send any other a packet that does not commute with what is there already, so
//     that only all hosts together are such a set.
//
// # P by itself
//
// A [ProtocolScope] is one of P (pgraph.go): what an action makes of a host is computed
// once, what it means to S once for each state of S, and the invariants are checked once
// for the same hosts, S and delegates sent. The same is left out as of hosts; tests see
// that it hides no state of the hosts, and that nothing else that P tells is left out.
//
// # Symmetry
//
// P does not look at names: states that differ in names only are one (rename.go), in all
// names of hosts, clients and keys in which the scope is itself: hosts that no order names,
// or that orders of two clients name in each other's place; clients that want the same;
// two keys, each moved with all of its side of the order of keys, or not at all. Of three
// hosts that two like clients give orders to, that leaves a quarter of the states; of four,
// a tenth; of two keys, a half, which is the most that keys can give: a move takes them in
// their order, and a redirect names a range of them, so all that can change is which way
// round they are. A test counts the same states in a search in which all keep their names,
// and another takes every step in all names. Of hosts no use is made of it. Their orders name
// them, which leaves none to change; and it would be wrong: after a crash a host greets the
// others in the order of their names, so that a scope with one crash has 5,226 states, and
// 5,160 where two hosts have changed names.
//
// # What is checked
//
// After every step of a host: that it is steps of P and of S ([ghost.Checker]),
// all of ghost.Invariants, and that a crash at this moment would be a stutter.
// Where nothing is left to be delivered, and no disk may be full: that every request
// was answered, every delegate received, and every move has ended. A host that panics
// is a story, too.
//
// Behaviours that do not end are judged in three ways. From every state of a scope in
// which no disk may be full there is a way to one where all of that has come, of
// deliveries and due timers alone, whose absence is a livelock; of P, too, where clients
// wait. (It is not shown that every fair order of these leads there.) A timer that is due
// and changes nothing is a loop that spins. And a request that is redirected more often
// than there are orders to move is sent to and fro: its numbers grow, so that such a
// search would never end.
//
// It may be imported by everything under tests.
package explorer
