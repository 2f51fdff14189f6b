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

const (
	// redisSlots is the number of slots of a Redis cluster.
	redisSlots = 16384
	// reshardPipeline is how many keys redis-cli moves per MIGRATE; its default is 10.
	reshardPipeline = 100
	// redisPoll is between two looks at a Redis cluster.
	redisPoll = 5 * time.Millisecond
)

// moveRedis moves all slots to and fro between two nodes of a Redis or Valkey cluster.
func (a *app) moveRedis(ctx context.Context, f *moveFlags, s shape) (r *moveResult, err error) {
	servers, err := startRedis(ctx, redisPlan{binary: f.peer, cluster: true, nodes: 2})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, servers.stop()) }()
	var c redisCluster
	for _, addr := range servers.addrs {
		node := redis.NewClient(&redis.Options{Addr: addr})
		defer func() { _ = node.Close() }() // the servers end anyway
		c.nodes = append(c.nodes, node)
		c.addrs = append(c.addrs, addr)
	}
	if err := c.form(ctx); err != nil {
		return nil, err
	}
	st := dialGoRedis(servers.addrs, true)
	defer func() { err = errors.Join(err, st.close()) }()
	r = &moveResult{System: filepath.Base(f.peer), Shape: s, Rate: "-"}
	move := c.reshard(f.peer)
	if c.movesAtomically(ctx) {
		move, r.atomic = c.migrateSlots, true
		r.Servers = servers.note + "; CLUSTER MIGRATESLOTS"
	} else {
		r.Servers = fmt.Sprintf("%s; redis-cli --cluster reshard, %d keys per MIGRATE", servers.note, reshardPipeline)
	}
	m := moveRun{app: a, flags: f, store: st, move: move, servers: servers, result: r}
	return r, m.underLoad(ctx)
}

// A redisCluster is two nodes, of which one has all slots.
type redisCluster struct {
	nodes []*redis.Client
	addrs []string
	ids   []string
}

// form joins the nodes and gives all slots to the first.
func (c *redisCluster) form(ctx context.Context) error {
	for _, node := range c.nodes {
		// Else a node that gives its last slot away turns into a replica.
		if err := node.ConfigSet(ctx, "cluster-allow-replica-migration", "no").Err(); err != nil {
			return err
		}
		id, err := node.Do(ctx, "CLUSTER", "MYID").Text()
		if err != nil {
			return err
		}
		c.ids = append(c.ids, id)
	}
	if err := c.nodes[0].ClusterAddSlotsRange(ctx, 0, redisSlots-1).Err(); err != nil {
		return err
	}
	// The nodes would draw the same configuration epoch, and settle it only later.
	if err := c.nodes[1].Do(ctx, "CLUSTER", "SET-CONFIG-EPOCH", 1).Err(); err != nil {
		return err
	}
	host, port, _ := strings.Cut(c.addrs[1], ":")
	if err := c.nodes[0].ClusterMeet(ctx, host, port).Err(); err != nil {
		return err
	}
	return c.awaitOwner(ctx, 0)
}

// awaitOwner waits until both nodes agree that one of them has all slots.
func (c *redisCluster) awaitOwner(ctx context.Context, owner int) error {
	for _, node := range c.nodes {
		for {
			text, err := node.ClusterNodes(ctx).Result()
			if err != nil {
				return err
			}
			info, err := node.ClusterInfo(ctx).Result()
			if err != nil {
				return err
			}
			if hasAllSlots(text, c.ids[owner]) && strings.Contains(info, "cluster_state:ok") {
				break
			}
			if err := sleep(ctx, redisPoll); err != nil {
				return err
			}
		}
	}
	return nil
}

// hasAllSlots reads CLUSTER NODES: a line per node, id first, slots last.
func hasAllSlots(nodes, id string) bool {
	for line := range strings.Lines(nodes) {
		if strings.HasPrefix(line, id) {
			return strings.HasSuffix(strings.TrimSpace(line), fmt.Sprintf(" 0-%d", redisSlots-1))
		}
	}
	return false
}

// reshard moves by redis-cli, which stands beside the server or on PATH.
func (c *redisCluster) reshard(server string) mover {
	dir, base := filepath.Split(server)
	cli := strings.Replace(base, "-server", "-cli", 1)
	if path, err := exec.LookPath(filepath.Join(dir, cli)); err == nil {
		cli = path
	}
	return func(ctx context.Context, times int) error {
		from, to := times%2, 1-times%2
		out, err := exec.CommandContext(ctx, cli, "--cluster", "reshard", c.addrs[from],
			"--cluster-from", c.ids[from], "--cluster-to", c.ids[to], "--cluster-slots", fmt.Sprint(redisSlots),
			"--cluster-pipeline", fmt.Sprint(reshardPipeline), "--cluster-yes").CombinedOutput()
		if err != nil {
			return fmt.Errorf("%s --cluster reshard: %w: %s", cli, err, out[max(0, len(out)-logBytes):])
		}
		return c.awaitOwner(ctx, to)
	}
}

// movesAtomically reports whether the nodes know CLUSTER MIGRATESLOTS (Valkey 9).
func (c *redisCluster) movesAtomically(ctx context.Context) bool {
	return c.nodes[0].Do(ctx, "CLUSTER", "GETSLOTMIGRATIONS").Err() == nil
}

// migrateSlots moves all slots at once, and waits until the other node has them.
func (c *redisCluster) migrateSlots(ctx context.Context, times int) error {
	from, to := times%2, 1-times%2
	if err := c.nodes[from].Do(ctx, "CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", 0, redisSlots-1, "NODE", c.ids[to]).Err(); err != nil {
		return err
	}
	return c.awaitOwner(ctx, to)
}
