package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// The systems that are compared: ways to ask servers.
const (
	sysIronkv  = "ironkv"
	sysGoRedis = "go-redis"
	sysRueidis = "rueidis"
	sysBench   = "redis-benchmark"
	sysEtcd    = "etcd"
	sysEcho    = "echo"
)

// systemNames are the systems, in the order of their columns.
var systemNames = []string{sysIronkv, sysGoRedis, sysRueidis, sysEcho, sysBench, sysEtcd}

// Systems are the running servers of a section, by name: "ironkv", "redis", "etcd",
// "echo".
type systems struct {
	servers map[string]*servers
	values  []int  // the lengths for which there is a null server, in its order
	bench   string // path of redis-benchmark or valkey-benchmark
}

// serverOf names the server that a system asks.
func serverOf(system string) string {
	switch system {
	case sysGoRedis, sysRueidis, sysBench:
		return "redis"
	}
	return system
}

// startSystems starts the servers of a section's systems; values are the lengths of
// values that they will be asked for.
func startSystems(ctx context.Context, f *compareFlags, section string, names []string, values []int) (*systems, error) {
	s := &systems{servers: map[string]*servers{}, bench: findBench(f.peer), values: values}
	durable := section == "durable"
	for _, name := range names {
		server := serverOf(name)
		if s.servers[server] != nil {
			continue
		}
		var started *servers
		var err error
		switch server {
		case sysIronkv:
			started, err = startIronkv(ctx, clusterPlan{hosts: 1, disk: durable, kvd: f.kvd})
		case sysEtcd:
			started, err = startEtcd(ctx, "etcd")
		case sysEcho:
			started, err = startEcho(ctx, values)
		default:
			started, err = startRedis(ctx, redisPlan{binary: f.peer, durable: durable, nodes: 1, ioThreads: f.ioThreads})
		}
		if err != nil {
			return nil, errors.Join(err, s.stop())
		}
		s.servers[server] = started
	}
	return s, nil
}

func (s *systems) stop() error {
	var err error
	for _, server := range s.servers {
		err = errors.Join(err, server.stop())
	}
	return err
}

// dial connects a system.
func (s *systems) dial(ctx context.Context, system string, load workload) (store, error) {
	addrs := s.servers[serverOf(system)].addrs
	switch system {
	case sysEcho:
		i := slices.Index(s.values, load.ValueBytes)
		addrs = addrs[i : i+1]
		fallthrough
	case sysIronkv:
		ctx, cancel := context.WithTimeout(ctx, startTimeout)
		defer cancel()
		return dialIronkv(ctx, addrs)
	case sysRueidis:
		return dialRueidis(addrs)
	case sysEtcd:
		return dialEtcd(addrs[0]), nil
	}
	return dialGoRedis(addrs, false), nil
}

// fill loads the keys of a workload into every server, with batches.
func (s *systems) fill(ctx context.Context, load workload) error {
	for server := range s.servers {
		system := server
		switch server {
		case sysEcho, sysEtcd: // has no keys; only writes are measured
			continue
		case "redis":
			system = sysGoRedis
		}
		st, err := s.dial(ctx, system, load)
		if err == nil {
			err = errors.Join(fill(ctx, st, load, func(int) {}), st.close())
		}
		if err != nil {
			return fmt.Errorf("loading %d keys into %s: %w", load.Keys, server, err)
		}
	}
	return nil
}

// findBench looks for the peer's own benchmark, beside its server or on PATH.
func findBench(peer string) string {
	dir, base := filepath.Split(peer)
	name := strings.Replace(base, "-server", "-benchmark", 1)
	for _, candidate := range []string{filepath.Join(dir, name), name} {
		if path, err := exec.LookPath(candidate); err == nil {
			return path
		}
	}
	return ""
}

// benchRequests is how many requests the peer's own benchmark makes in a run.
const benchRequests = 1_000_000

// runBench runs the peer's own benchmark, pipelined. Its keys are named as ours are.
func (s *systems) runBench(ctx context.Context, c *comparison) (result, error) {
	host, port, err := net.SplitHostPort(s.servers["redis"].addrs[0])
	if err != nil {
		return result{}, err
	}
	out, err := exec.CommandContext(ctx, s.bench, "-h", host, "-p", port, "-t", string(c.Workload.Op),
		"-n", strconv.Itoa(benchRequests), "-P", strconv.Itoa(c.Workload.Batch), "-c", strconv.Itoa(c.Clients),
		"-d", strconv.Itoa(c.Workload.ValueBytes), "-r", strconv.FormatUint(c.Workload.Keys, 10), "--csv").Output()
	if err != nil {
		return result{}, fmt.Errorf("%s: %w", s.bench, err)
	}
	return parseBench(string(out))
}

// parseBench reads "test","rps",...,"p50_latency_ms",...,"p99_latency_ms","max_latency_ms".
func parseBench(text string) (result, error) {
	lines, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || len(lines) != 2 {
		return result{}, fmt.Errorf("the peer's benchmark printed no table of one line: %q", text)
	}
	column := func(name string) float64 {
		i := slices.Index(lines[0], name)
		if i < 0 || i >= len(lines[1]) {
			return 0
		}
		v, _ := strconv.ParseFloat(lines[1][i], 64) // 0 where it tells none
		return v
	}
	const ms = 1000 // microseconds
	r := result{Ops: benchRequests, Throughput: column("rps"), P50: column("p50_latency_ms") * ms, P99: column("p99_latency_ms") * ms, Max: column("max_latency_ms") * ms}
	if r.Throughput == 0 {
		return result{}, fmt.Errorf("the peer's benchmark tells no rate: %q", text)
	}
	r.Seconds = benchRequests / r.Throughput
	return r, nil
}
