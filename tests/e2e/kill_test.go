package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"ironkv/delegation"
	"ironkv/kv/client"
	"ironkv/marshal"
)

const (
	kills       = 60
	killsShort  = 6
	filler      = 20_000 // entries of fillerBytes, so that a move takes a while
	fillerBytes = 256
)

// movers orders random ranges moved to random hosts until ctx ends, and returns
// the orders that were admitted.
func movers(ctx context.Context, db *client.Client, random *rand.Rand) ([]client.MoveID, error) {
	var ids []client.MoveID
	for ctx.Err() == nil {
		bounds := []string{fmt.Sprintf("%02x", random.IntN(256)), fmt.Sprintf("%02x", random.IntN(256))}
		slices.Sort(bounds)
		r := delegation.Range{From: delegation.At(delegation.Key(bounds[0])), Until: delegation.At(delegation.Key(bounds[1] + "~"))}
		to := client.HostID(1 + random.IntN(3))
		got, err := db.MoveShard(context.WithoutCancel(ctx), r, to, client.WithRate(4<<20))
		ids = append(ids, got...)
		switch {
		case err == nil:
			for _, id := range got {
				_, _ = db.WaitMove(ctx, id, nil) // ends with ctx, too
			}
		case !errors.Is(err, client.ErrMoveRefused):
			return ids, fmt.Errorf("move %v to host %d: %w", r, to, err)
		}
	}
	return ids, nil
}

// SIGKILL at any moment, again and again, while ranges move and keys are
// written: no acknowledged write is lost, none is executed twice, each move that
// was admitted ends by itself, and every key has exactly one owner.
func TestKilledAgainAndAgainNothingIsLostAndNothingDoubled(t *testing.T) {
	hosts, db := start(t)
	rounds := kills
	if testing.Short() {
		rounds = killsShort
	}
	fill(t, db, filler, fillerBytes)
	w := startWork(t, db)
	ordered := make(chan []client.MoveID)
	go func() {
		ids, err := movers(w, db, rand.New(rand.NewPCG(2, 2)))
		if err != nil {
			t.Error(err)
		}
		ordered <- ids
	}()
	random := rand.New(rand.NewPCG(3, 3))
	for range rounds {
		// The next kill comes after some more writes, wherever everything else is.
		for range 20 + random.IntN(400) {
			select {
			case <-w.acks:
			case <-w.Done():
			}
		}
		restart(t, hosts, random.IntN(len(hosts.Addrs())))
	}
	w.stop()
	moves := <-ordered
	for _, id := range moves {
		switch m, err := db.WaitMove(t.Context(), id, nil); {
		case err == nil && m.Forgotten: // so long done that its host knows no more
		case err != nil || m.Phase != marshal.MoveDone:
			t.Errorf("move %v: %v %v, %v", id, m.Phase, m.Reason, err)
		}
	}
	audit(t, db)
	increments, _ := w.finish(filler)
	t.Logf("%d kills, %d increments, %d moves", rounds, increments, len(moves))
}
