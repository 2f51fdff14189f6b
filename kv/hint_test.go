package kv_test

import (
	"testing"

	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/marshal"
)

// A hint may be about a delegate that has come, and whose range has moved on:
// nothing is held for it.
func TestNothingIsHeldForADelegateThatHasCome(t *testing.T) {
	r := newRig(t, 3, kv.Limits{})
	r.move(1, r.session(1, 1), 1, delegation.All, 2)
	s := r.session(2, 2)
	r.move(2, s, 1, delegation.All, 3)
	late := put(s, 2, 2, "k", "v")
	late.Hint = marshal.Hint{Sender: 1, Incarnation: r.peer(1, 2).FromIncarnation, Seqno: 1}
	if to := one[*marshal.Redirect](r, r.ask(2, late)); to.Owner != 3 {
		t.Errorf("redirected to host %d, want 3", to.Owner)
	}
}
