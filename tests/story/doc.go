// Package story plays stories: text files in testdata that say what happens to a
// cluster, and what is seen of it. A person can write one without knowing Go.
//
// The hosts are the real machines (kv.Host) on stores in memory, in the bottle of
// package world: nothing happens by itself. After every step of a host the judge
// (package ghost) checks that it was a step of the protocol and of the spec, and
// every invariant; after every command it compares all hosts whole. So a story
// fails by itself when safety breaks, whatever its lower half says.
//
//	go test ./tests/story           plays all of them
//	go test ./tests/story -update   writes their lower halves anew: read the difference
//	make teeth                     seeds the faults that stories name, one by one (minutes)
//
// # Form
//
// A story is blocks. Each has commands, one a line, then a line ----, then what is
// seen, up to an empty line. Lines that begin with # are comments; the first says
// what would go wrong without the rule that the story shows, and names behind
// "Teeth:" the seeded faults of package mutants that the story by itself finds out.
// Options are written
// name=value, in any order; [ ] stand around what may be left out.
//
// A host is written 2, a client c1, nobody's address stranger. A range is a..m,
// its end not in it; either bound may be left out. A value is a word, or *5000 for
// so many bytes. A time is 200ms, 5s or 11m. Packets are described by what they are
// (Delegate, Ack, SetRequest: the types of package marshal, where a Single is called
// what it carries), by whom they are from and for (1>2, c1>2), and by their number
// (#3; reads count as #r1, #r2); each of the three may be left out.
//
// # The beginning
//
//	hosts N [unmet]             N hosts that know each other, or have just been started.
//	                            [root=1] [clients=2], and limits of each host: [chunk=BYTES]
//	                            of a move, [window=N] numbers of a session, [answers=N]
//	                            recorded, [moves=N] unfinished, [holds=N] requests held,
//	                            [hold=TIME] how long, [sessions=N] of a client, [idle=TIME]
//	                            after which one ends, [reserve=BYTES] of room kept back
//
// # Clients
//
//	put KEY=VALUE [if=VERSION]  asks the host that the client thinks is the owner, or
//	get KEY                     [at=HOST]; [client=1], [as=NAME] to be named by. if=absent
//	delete KEY [if=VERSION]     wants that there is no such key. The packets of this client
//	scan RANGE                  travel at once and no others do, and no timer fires; of them,
//	                            [drop=…] are lost and [keep=…] stay on the network: lists,
//	                            with commas, of kinds or of links
//	shard move RANGE from=1 to=2    orders a move that does not yield to clients
//	pause MOVE, resume MOVE, cancel MOVE    where 1-2 is the second move of host 1
//	send OPERATION …            the same, but the request stays on the network
//	repeat [client=1]           the client repeats what it has no answer to
//	giveup NAME                 the client gives an operation up
//	close [client=1] [at=1]     the client closes its session at a host; [drop=…]
//
// # The network
//
//	deliver [drop=…] [keep=…]   delivers everything, and what follows from it, and fires the
//	                            timers that are due, until nothing happens without time
//	deliver [copy] PACKETS      delivers what is on the network of this description, and
//	                            nothing that follows; copies leave it there. Hosts take it
//	                            as one batch and crash with [crash=uncommitted], before the
//	                            commit, or [crash=unsent], between commit and send
//	drop PACKETS                loses them
//	late [last] PACKETS         the first ever sent of the description, or the last, arrives,
//	                            once more
//	forge [last] PACKETS        the same, changed: [by=stranger] who sends it; and of what
//	                            hosts say, [from=3] who it says it is from, [life=other] with
//	                            another incarnation, [seqno=7], [add=KEY=VALUE] to what a
//	                            delegate carries
//	fragment PACKETS            what hosts say leaves the network and is sent by package udp
//	                            in datagrams of 508 bytes at most, named d1, d2, …
//	arrive d1 d2 …              datagrams arrive, in this order
//
// # Time, crashes, disks
//
// No time passes but by these.
//
//	wait TIME                   time passes, timers fire, nothing is delivered
//	tick HOST [crash=…]         one timer of the host fires, which is due
//	settle                      a fair network, until all is answered and moved, or an error
//	crash HOST, restart HOST    all that is not committed is lost
//	save HOST                   makes a copy of the host's disk
//	wipe HOST [saved]           a host that is down starts with an empty disk, or with that
//	                            copy. The judge knows of no such thing: from here on it
//	                            checks invariants only, or with an older copy nothing
//	room HOST BYTES             the host learns how much room its disk has
//
// # What is seen
//
// Told without being asked: what becomes of each operation, which ranges change
// hands, what is lost, which packet is dropped by a host and why, that delegates are
// repeated, that a move ends, that a host stops.
//
//	owners KEY … [from=1]       who owns the keys, and whom a client meets that begins at
//	                            that host
//	host HOST                   what it owns and stores (key=value@version), its clock, its
//	                            sessions, what it holds, its numbers with others
//	moves HOST                  its moves
//	net                         what is on the network
//	drops                       how many packets each host has dropped, by reason
//
// story may import anything; nothing imports it.
package story
