package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"ironkv/kv/client"
)

const (
	accounts = 6
	// opening is what each account has in the beginning.
	opening = 1000
)

// bank is accounts between which money is transferred. A transfer takes three
// writes, each under the condition that the account did not change: it is taken
// from one account and noted there, given to the other where that has not been
// done, and the note is removed. Anybody completes what he finds noted, so that
// it does not matter which writes were executed when their outcome is unknown.
type bank struct{}

// An account is the value of one key.
type account struct {
	Balance int
	// Out is the transfer under way from here; Count numbers those that ever were.
	Out   *transfer `json:",omitempty"`
	Count int
	// In is the number of the last transfer that came, by where from.
	In [accounts]int
}

type transfer struct{ To, Amount int }

func (bank) name() string { return "bank" }

func (bank) workers() (int, time.Duration) { return 3, 30 * time.Millisecond }

func (bank) round(int) {}

func accountName(i int) string { return fmt.Sprintf("bank/%d", i) }

// open makes the accounts.
func (bank) open(ctx context.Context, db *client.Client) error {
	ctx, cancel := context.WithTimeout(ctx, restTime)
	defer cancel()
	for i := range accounts {
		err := put(ctx, db, i, &account{Balance: opening}, 0)
		for err != nil && !errors.Is(err, client.ErrConditionFailed) { // as it does where one was executed
			if !wait(ctx, 100*time.Millisecond) {
				return late(ctx, "with every host up and no fault at all, a write fails: %v", err)
			}
			err = put(ctx, db, i, &account{Balance: opening}, 0)
		}
	}
	return nil
}

func put(ctx context.Context, db *client.Client, i int, a *account, version uint64) error {
	value, err := json.Marshal(a)
	if err != nil {
		return err
	}
	_, err = db.Put(ctx, key(accountName(i)), value, client.IfVersion(version))
	return err
}

func get(ctx context.Context, db *client.Client, i int) (*account, uint64, error) {
	e, err := db.Get(ctx, key(accountName(i)))
	if errors.Is(err, client.ErrNotFound) {
		return nil, 0, violationf("%s is gone", accountName(i))
	}
	if err != nil {
		return nil, 0, err
	}
	a, err := parse(i, e)
	return a, e.Version, err
}

func parse(i int, e client.Entry) (*account, error) {
	a := new(account)
	if err := json.Unmarshal(e.Value, a); err != nil {
		return nil, violationf("%s is %q, which nobody wrote", accountName(i), e.Value)
	}
	return a, nil
}

func (b bank) step(ctx context.Context, w *worker) error {
	from := w.rng.IntN(accounts)
	err := b.transfer(ctx, w, from, (from+1+w.rng.IntN(accounts-1))%accounts)
	if errors.Is(err, client.ErrConditionFailed) {
		return nil // somebody else was first
	}
	return err
}

func (b bank) transfer(ctx context.Context, w *worker, from, to int) error {
	a, version, err := get(ctx, w.db, from)
	if err != nil {
		return err
	}
	if a.Out == nil {
		if a.Balance == 0 {
			return nil
		}
		a.Count++
		a.Out = &transfer{to, 1 + w.rng.IntN(a.Balance)}
		a.Balance -= a.Out.Amount
		if err := put(ctx, w.db, from, a, version); err != nil {
			return err
		}
		if a, version, err = get(ctx, w.db, from); err != nil || a.Out == nil {
			return err
		}
	}
	other, otherVersion, err := get(ctx, w.db, a.Out.To)
	if err != nil {
		return err
	}
	if other.In[from] < a.Count {
		other.Balance += a.Out.Amount
		other.In[from] = a.Count
		if err := put(ctx, w.db, a.Out.To, other, otherVersion); err != nil {
			return err
		}
	}
	a.Out = nil
	return put(ctx, w.db, from, a, version)
}

// check adds everything up.
func (bank) check(rest contents) error {
	var all [accounts]*account
	for i := range accounts {
		e, found := rest.take(accountName(i))
		if !found {
			return violationf("%s is gone", accountName(i))
		}
		var err error
		if all[i], err = parse(i, e); err != nil {
			return err
		}
	}
	sum := 0
	for i, a := range all {
		sum += a.Balance
		if a.Out != nil && all[a.Out.To].In[i] < a.Count {
			sum += a.Out.Amount
		}
		if a.Balance < 0 {
			return violationf("%s has %d", accountName(i), a.Balance)
		}
	}
	if sum != accounts*opening {
		return violationf("the accounts hold %d together, of %d", sum, accounts*opening)
	}
	return nil
}
