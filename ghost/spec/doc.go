// Package spec is S, what ironkv is to its users: one table, as if there were one
// host, one client at a time, and no failure (IronFleet, section 5.2.1 and
// figure 11; Services/SHT/AbstractService.s.dfy and HT.s.dfy).
//
// A [State] has one transition, [State.Execute]: one request is executed, and
// given its reply. IronKV's own spec lets a request be executed any number of
// times; here a write or an order is executed at most once ([Operation]), which
// is what its users count on. Reads may be repeated: each is a transition that
// changes nothing but the replies given. What S means for what can be seen on the
// network is [State.Gave]: hosts say to clients only what S has replied.
//
// Beyond the paper a key has a version. A write may choose it, as long as it is
// higher than every version that the key ever had, deleted or not; so S keeps
// the highest for ever. A page of a scan is a read of a range.
//
// It imports delegation and marshal for their words, and ghost/judge. States are
// values: executing returns a new one and leaves the old as it was.
package spec
