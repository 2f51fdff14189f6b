// Command explore searches every behaviour of small clusters, on the machine that
// kvd runs, and of the protocol that it refines:
//
//	go run ./tests/explore             the scopes that the tests explore too
//	go run ./tests/explore -deep       the larger ones, of hosts and of P: minutes
//	go run ./tests/explore -scope NAME one of them
//	go run ./tests/explore -list       what there is
//
// It prints what was seen, how often, and how fast. A violation is printed as a
// shortest story, and the exit code is 4; a search that met its bound exits with 1.
package main
