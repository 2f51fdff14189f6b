package main

import (
	"context"
	"slices"
	"syscall"
	"time"

	"ironkv/kv/client"
)

// killsPerRound is how many hosts are killed before what is there is looked at.
const killsPerRound = 50

// killed is rounds of kills, each of which meets a move under way.
func (c *cluster) killed(ctx context.Context) error {
	for done, round := 0, 0; done < c.kills; round++ {
		n := min(killsPerRound, c.kills-done)
		err := c.round(ctx, round, func() {
			if err := c.killMany(ctx, n); err != nil {
				c.fail(err)
			}
		})
		if err != nil {
			return err
		}
		done += n
		c.say("%d of %d kills: nothing lost, nothing doubled, every key has one owner", done, c.kills)
	}
	return nil
}

// killMany kills n times, a host as soon as the one before serves again.
func (c *cluster) killMany(ctx context.Context, n int) error {
	for range n {
		moves, err := c.underWay(ctx)
		if err != nil {
			return err
		}
		id := 1 + c.rng.IntN(len(c.nemesis.hosts))
		ended := c.score.begin(kindKill)
		if err := c.nemesis.hosts[id-1].end(syscall.SIGKILL); err != nil {
			return err
		}
		c.score.kills++
		if slices.ContainsFunc(moves, func(m client.Move) bool { return int(m.ID.Host) == id || int(m.To) == id }) {
			c.score.killsAtEnds++
		}
		if err := c.nemesis.hosts[id-1].up(); err != nil {
			return err
		}
		if err := c.nemesis.hosts[id-1].ready(ctx); err != nil {
			return err
		}
		ended()
	}
	return nil
}

// underWay waits until some move sends chunks, and returns those that do.
func (c *cluster) underWay(ctx context.Context) ([]client.Move, error) {
	ctx, cancel := context.WithTimeout(ctx, restTime)
	defer cancel()
	for {
		moves, err := c.clients[0].Moves(ctx)
		moves = slices.DeleteFunc(moves, func(m client.Move) bool { return m.Phase.Ended() || m.Chunks == 0 })
		if len(moves) > 0 {
			return moves, nil
		}
		if !wait(ctx, 10*time.Millisecond) {
			return nil, late(ctx, "with every host up, no move gets under way within %v: %v", restTime, err)
		}
	}
}
