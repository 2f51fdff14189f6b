// Command explore searches every behaviour of small clusters, on the machine that
// kvd runs, and of the protocol that it refines:
//
//	go run ./tests/explore             the scopes that the tests explore too
//	go run ./tests/explore -deep       the larger ones, of hosts and of P: minutes
//	go run ./tests/explore -scope NAME one of them
//	go run ./tests/explore -list       what there is
//
// All of them are complete. The states are those of any machine; the seconds are of
// processor time, on a day on which the machine was busy, where they were noted:
//
//	                                                               states transitions depth s   MiB
//	crash         2 hosts, 2 writes, a read, 1 move, 1 crash      108,416    550,739   27    7   390
//	crashes       2 hosts, 1 write, 1 move, any crashes            15,004     83,444   23    1    50
//	chase         3 hosts, 1 write, 2 moves                         5,070     16,625   30    1    60
//	return        2 hosts, 2 writes, there and back                   757      1,412   24    1    30
//	waits         2 hosts, 1 write, 1 move, 3 jumps of clocks     186,613  1,040,326   24    9   500
//	retransmits   2 hosts, 1 move, 6 jumps of clocks               55,394    256,144   23    3   240
//	full          2 hosts, 2 writes, 1 move, disks that fill       26,316    205,305   20    1   100
//	chase-read    chase with a read                                24,354    115,980   32    2   100
//	chase-busy    chase with another write and a read             226,681    944,379   36   12   580
//	gives-up      2 hosts, 2 writes, 1 given up, 1 crash          101,409    602,765   27    5   280
//	waits-crash   waits with 2 jumps and 1 crash                  434,978  2,459,847   26   18   960
//	orders        a move paused, resumed, canceled, 1 crash        72,261    284,484   27    8   490
//	opposite      3 hosts, 1 write, 3 moves that cross             47,779    166,886   32    8   440
//	full-crash    1 write, 1 move, a disk that fills, 1 crash      57,230    302,680   21    2   150
//	crashes-busy  2 hosts, 2 writes, 1 move, any crashes        1,113,272  7,990,065   33   69 1,950
//	chase-crash   chase with 1 crash                              587,520  3,260,000   38   70 2,780
//	return-crash  2 hosts, 2 keys, there and back, 1 crash      1,188,710  7,492,180   40    - 3,340
//	P-crossing    P: 2 hosts, 2 writes, 1 move                      4,917     35,369   22    1    60
//	P-return      P: 2 hosts, 2 writes, there and back             59,321    573,007   32   33   470
//	P-chase       P: 3 hosts, 1 write, 2 moves                     28,485    268,906   23   18   250
//
// Besides, allowed is a table of what P allows in small scopes and how often hosts do
// it there, with the reason where they never do; and of what keeps P from an action.
//
// It prints what was seen, how often, and how fast. A violation is printed as a
// shortest story, and the exit code is 4 for safety, 5 for liveness, 3 for a host that
// panics or stops by itself; a search that met its bound exits with 1, a wrong command
// line with 64 (package tests/exit; `go run` makes 1 of any of them).
package main
