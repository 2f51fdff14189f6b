// Kvd runs one host of an ironkv cluster.
//
//	kvd --id 1 --cluster 1=127.0.0.1:7001,2=127.0.0.1:7002,3=127.0.0.1:7003 --data DIR
//
// Every host of a cluster is started with the same list of hosts. The first
// start of a cluster waits until all its hosts are up; after that each comes and
// goes by itself. Once it serves, kvd logs one line "ready" with its id and
// address. SIGTERM or SIGINT stops it in order.
//
// Logs go to standard error, as does everything else that kvd says. It exits
// with 0 after a stop in order, 2 where it was called wrongly, 1 where it cannot
// go on.
package main
