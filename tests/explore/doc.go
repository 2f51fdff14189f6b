// Command explore searches every behaviour of small clusters, on the machine that
// kvd runs, and of the protocol that it refines:
//
//	go run ./tests/explore             the scopes that the tests explore too
//	go run ./tests/explore -deep       the larger ones, of hosts and of P: minutes
//	go run ./tests/explore -scope NAME one of them
//	go run ./tests/explore -list       what there is
//
// All of them are complete. The states are those of any machine; seconds and memory
// are of one day's, with two cores (busy ones where they are in brackets). Where there
// is a < the figures are those of hosts that were told apart by more than matters:
//
//	                                                              states  transitions  depth     s   MiB
//	crash         2 hosts, 2 writes, a read, 1 move, 1 crash     480,074    1,961,897     31     7   570
//	crashes       2 hosts, 1 write, 1 move, any crashes          192,863    1,256,418     30     3   190
//	chase         3 hosts, 1 write, 2 moves                        8,985       27,597     30     1    80
//	return        2 hosts, 2 writes, there and back                  757        1,412     24     1    30
//	waits         2 hosts, 1 write, 1 move, 3 jumps of clocks    254,417    1,416,172     25     5   560
//	retransmits   2 hosts, 1 move, 6 jumps of clocks              71,846      331,739     24     2   270
//	full          2 hosts, 2 writes, 1 move, disks that fill      26,316      205,305     20     1   100
//	chase-read    chase with a read                               44,445      200,139     33     1   130
//	chase-busy    chase with another write and a read            448,895    1,740,109     37    10   900
//	gives-up      2 hosts, 2 writes, 1 given up, 1 crash         403,796    2,076,667     31     7   490
//	waits-crash   waits with 2 jumps and 1 crash               1,090,247    6,177,549     27  (26) 1,590
//	orders        a move paused, resumed, canceled, 1 crash      279,149      881,813     31     6   600
//	opposite      3 hosts, 1 write, 3 moves that cross            87,985      286,567     32     6   500
//	full-crash    1 write, 1 move, a disk that fills, 1 crash    817,140    4,900,711     24  (15)   710
//	two-crashes   2 hosts, 2 writes, 1 move, 2 crashes         2,665,049    9,817,678     32  (45) 2,450
//	chase-crash   chase with 1 crash                           3,887,288   18,165,602     44  (93) 4,940
//	return-crash  2 hosts, 2 keys, there and back, 1 crash  < 11,444,324                 43   152
//	P-crossing    P: 2 hosts, 2 writes, 1 move                     4,917       35,369     22     1    70
//	P-return      P: 2 hosts, 2 writes, there and back            59,321      573,007     32  (23)   410
//	P-chase       P: 3 hosts, 1 write, 2 moves                    28,485      268,906     23     4   260
//
// The largest takes 10 GB of memory. It prints what was seen, how often, and how fast.
// A violation is printed as a shortest story, and the exit code is 4 for safety, 5 for
// liveness, 3 for a host that panics or stops by itself; a search that met its bound
// exits with 1, a wrong command line with 64 (package tests/exit; `go run` makes 1 of
// any of them).
package main
