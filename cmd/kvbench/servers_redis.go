package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// A redisPlan says which Redis or Valkey to start.
type redisPlan struct {
	binary  string // of redis-server or valkey-server
	durable bool   // appendfsync always; else nothing is kept
	cluster bool
	nodes   int
	// ioThreads is how many threads read and write its sockets; 0 or 1: its only one.
	ioThreads int
}

// findRedis looks for a peer's server.
func findRedis(said string) (string, error) {
	path, err := findBinary(said, "valkey-server", "redis-server")
	if err != nil {
		return "", fmt.Errorf("--peer-bin: %w", err)
	}
	if path == "" {
		return "", errors.New("neither valkey-server nor redis-server is on PATH: install one, or name it by --peer-bin")
	}
	return path, nil
}

// startRedis starts a peer on loopback, on ports of its own and in a directory of its own.
func startRedis(ctx context.Context, plan redisPlan) (*servers, error) {
	s, err := newServers("redis")
	if err != nil {
		return nil, err
	}
	if err := s.startNodes(ctx, plan); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	version, _ := exec.Command(plan.binary, "--version").Output() // only for the report
	keeping := "save \"\", appendonly no"
	if plan.durable {
		keeping = "appendonly yes, appendfsync always"
	}
	s.note = fmt.Sprintf("%s; %s", strings.Join(strings.Fields(string(version))[:min(3, len(strings.Fields(string(version))))], " "), keeping)
	return s, nil
}

func (s *servers) startNodes(ctx context.Context, plan redisPlan) error {
	ports, err := freePorts("tcp", plan.nodes)
	if err != nil {
		return err
	}
	for i, port := range ports {
		s.addrs = append(s.addrs, fmt.Sprintf("127.0.0.1:%d", port))
		args := []string{
			"--port", fmt.Sprint(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--daemonize", "no",
			"--dir", s.dir, "--dbfilename", fmt.Sprintf("dump%d.rdb", i), "--maxclients", "20000",
		}
		if plan.ioThreads > 1 {
			args = append(args, "--io-threads", fmt.Sprint(plan.ioThreads), "--io-threads-do-reads", "yes")
		}
		if plan.durable {
			args = append(args, "--appendonly", "yes", "--appendfsync", "always", "--appenddirname", fmt.Sprintf("aof%d", i))
		}
		if plan.cluster {
			args = append(args, "--cluster-enabled", "yes", "--cluster-config-file", filepath.Join(s.dir, fmt.Sprintf("nodes%d.conf", i)))
		}
		p, err := startProcess(s.dir, plan.binary, args...)
		if err != nil {
			return err
		}
		s.processes = append(s.processes, p)
	}
	for i, p := range s.processes {
		if err := p.await(ctx, s.pings(i)); err != nil {
			return err
		}
	}
	return nil
}

func (s *servers) pings(i int) func(context.Context) error {
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		c := redis.NewClient(&redis.Options{Addr: s.addrs[i]})
		defer func() { _ = c.Close() }()
		return c.Ping(ctx).Err()
	}
}
