// Package hostile has no code of its own: its tests send to live hosts, in this
// process and real ones, what no honest party sends, and more than they can serve.
//
// Three things are asserted. From an address that has proven nothing no more bytes
// come back than it sent. Whatever is sent, by whomever, no key, owner or counter
// changes but by the honest, and the host's memory stays bounded. And under a flood,
// or an offered load of ten times its capacity, a host goes on serving.
//
// What depends on time is logged by go test and asserted by make hostile.
package hostile
