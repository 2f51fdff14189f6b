// Kvctl is the command line of ironkv: it reads and writes entries, loads and
// dumps, moves shards, looks at hosts and moves, audits ownership, and backs up
// and restores.
//
// Data go to stdout; progress, warnings and errors to stderr. Bars and colour
// appear on a terminal only (NO_COLOR and TERM=dumb are honoured). Every shared
// flag has an environment twin, KVCTL_ and its name. The exit codes and the
// JSON shapes are promises, told by "kvctl help exit-codes" and "kvctl help json".
//
// The program is a thin layer over ironkv/kv/client: each verb is one file, and
// everything that a verb can do, a Go program can do too. Nothing imports it.
package main
