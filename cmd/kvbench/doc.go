// Kvbench measures ironkv: closed and open loops of gets, sets, mixes, scans and
// moves, against a running cluster or one that it starts itself; side by side with
// Redis or Valkey (compare), and while shards move (move).
//
// How it measures. A closed loop has --clients goroutines, each of which waits for
// its answer before it asks again. With --rate the loop is open: requests have times
// at which they are due, and a latency counts from there, also where the request
// could not be sent in time; so what a stall makes late is not left out ("coordinated
// omission", after Gil Tene). Latencies go into HDR histograms of two significant
// digits. Loops that are compared are interleaved, run by run; medians and extremes
// over the runs are printed.
//
// Each kind of thing has a file: workload (what is asked), loop (who asks, when),
// store and peer_* (whom), process and cluster (what is started), measure (what came
// out), report and plot (how it is shown). Redis client libraries are imported here
// and nowhere else. Nothing imports this program.
package main
