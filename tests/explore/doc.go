// Command explore searches every behaviour of small clusters, on the machine that
// kvd runs, and of the protocol that it refines:
//
//	go run ./tests/explore             the scopes that the tests explore too
//	go run ./tests/explore -deep       the larger ones, of hosts and of P: minutes
//	go run ./tests/explore -scope NAME one of them
//	go run ./tests/explore -list       what there is
//
// All of them are complete. On two cores (the figures are of one day and one
// machine; the states are those of any):
//
//	                                                              states  depth   s
//	crash         2 hosts, 2 writes, a read, 1 move, 1 crash      557,452    31    8
//	chase         3 hosts, 1 write, 2 moves                        14,722    32    1
//	two-crashes   2 hosts, 2 writes, 1 move, 2 crashes          2,857,741    32   29
//	return        2 hosts, 2 writes, there and back, 1 crash   11,444,324    43  152
//	chase-crash   chase with 1 crash                            5,710,345    45   74
//	chase-read    chase with a read                                72,862    35    1
//	chase-busy    chase with another write and a read             713,971    39   10
//	gives-up      2 hosts, 2 writes, 1 given up, 1 crash          481,006    31    3
//	waits         2 hosts, 1 write, 1 move, 3 jumps of clocks     254,417    25    3
//	waits-crash   the same with 2 jumps and 1 crash               971,096    27   10
//	retransmits   2 hosts, 1 move, 6 jumps of clocks               71,846    24    1
//	orders        a move paused, resumed, canceled, 1 crash       333,591    31    4
//	opposite      3 hosts, 1 write, 3 moves that cross            147,321    34    5
//	P-crossing    P: 2 hosts, 2 writes, 1 move                      4,917    22    1
//	P-return      P: 2 hosts, 2 writes, there and back             59,321    32   10
//	P-chase       P: 3 hosts, 1 write, 2 moves                     28,485    23    4
//
// The largest takes 10 GB of memory. It prints what was seen, how often, and how fast. A violation is printed as a
// shortest story, and the exit code is 4 for safety, 5 for liveness, 3 for a host that
// panics or stops by itself; a search that met its bound exits with 1, a wrong command
// line with 64 (package tests/exit; `go run` makes 1 of any of them).
package main
