package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// Servers are the processes of one system under test, and their directory.
type servers struct {
	dir       string
	processes []*process
	addrs     []string
	profiles  []string // where the hosts serve profiles; nil: nowhere
	note      string   // how the servers are set up, for the report
	stopInner func() error
}

// newServers makes the servers' directory; kind is a part of its name.
func newServers(kind string) (*servers, error) {
	dir, err := os.MkdirTemp("", "kvbench-"+kind+"-")
	if err != nil {
		return nil, err
	}
	return &servers{dir: dir}, nil
}

// stop ends all processes and removes the directory.
func (s *servers) stop() error {
	var err error
	if s.stopInner != nil {
		err = s.stopInner()
	}
	for _, p := range s.processes {
		p.stop()
	}
	if s.dir == "" {
		return err
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}

// cpu is the processor time of all processes.
func (s *servers) cpu() time.Duration {
	var sum time.Duration
	for _, p := range s.processes {
		sum += p.cpu()
	}
	return sum
}

// resident is the memory of all processes, in bytes.
func (s *servers) resident() uint64 {
	var sum uint64
	for _, p := range s.processes {
		sum += p.resident()
	}
	return sum
}

// A clusterPlan says which ironkv cluster to start.
type clusterPlan struct {
	hosts int
	disk  bool
	// kvd is the path of the server; "": beside this program or on PATH, else the
	// hosts run in this process.
	kvd string
	// profiled says that the hosts serve profiles.
	profiled bool
}

func (p clusterPlan) storage() string {
	if p.disk {
		return "disk"
	}
	return "memory"
}

// startIronkv starts a cluster of kvd processes on loopback.
func startIronkv(ctx context.Context, plan clusterPlan) (*servers, error) {
	binary, err := findBinary(plan.kvd, "kvd")
	if err != nil {
		return nil, fmt.Errorf("--kvd: %w", err)
	}
	if binary == "" {
		return startInProcess(ctx, plan)
	}
	s, err := newServers("ironkv")
	if err != nil {
		return nil, err
	}
	if err := s.startHosts(ctx, binary, plan); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	s.note = fmt.Sprintf("%d kvd, %s", plan.hosts, plan.storage())
	return s, nil
}

func (s *servers) startHosts(ctx context.Context, binary string, plan clusterPlan) error {
	ports, err := freePorts("udp", plan.hosts)
	if err != nil {
		return err
	}
	members := ""
	for i, port := range ports {
		addr := fmt.Sprintf("127.0.0.1:%d", port)
		s.addrs = append(s.addrs, addr)
		if i > 0 {
			members += ","
		}
		members += fmt.Sprintf("%d=%s", i+1, addr)
	}
	for i := range plan.hosts {
		args := []string{"--id", fmt.Sprint(i + 1), "--cluster", members, "--log-level", "warn"}
		if plan.disk {
			args = append(args, "--data", fmt.Sprintf("%s/host%d", s.dir, i+1))
		} else {
			args = append(args, "--memory")
		}
		if plan.profiled {
			port, err := freePorts("tcp", 1)
			if err != nil {
				return err
			}
			s.profiles = append(s.profiles, fmt.Sprintf("127.0.0.1:%d", port[0]))
			args = append(args, "--pprof", s.profiles[i])
		}
		p, err := startProcess(s.dir, binary, args...)
		if err != nil {
			return err
		}
		s.processes = append(s.processes, p)
	}
	for i, p := range s.processes {
		if err := p.await(ctx, s.serves(i)); err != nil {
			return err
		}
	}
	return nil
}

// serves reports whether host i answers, with all that it needs for that.
func (s *servers) serves(i int) func(context.Context) error {
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		c, err := dialIronkv(ctx, s.addrs[i:i+1])
		if err != nil {
			return err
		}
		defer func() { _ = c.close() }()
		hosts, err := c.Hosts(ctx)
		if err != nil {
			return err
		}
		return hosts[i].Err
	}
}
