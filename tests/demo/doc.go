// Demo shows the main job of ironkv on real input, in about a minute: three
// kvd processes with disk storage; the source tree of the Go distribution
// loaded into them (key = path, value = content); ranges moved among the hosts
// while readers and writers work; one host killed in the middle of a move and
// started again; the audit before, during and after; every file read back and
// compared by SHA-256. It leaves nothing behind and exits non-zero if anything
// is off.
package main
