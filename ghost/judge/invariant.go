package judge

import (
	"errors"
	"fmt"
)

// ErrViolation is wrapped by every [Violation].
var ErrViolation = errors.New("invariant violated")

// An Invariant is a predicate that holds in every state of a system that can be
// reached.
type Invariant[S any] struct {
	// Name is the paper's where it has one.
	Name string
	// Source is where the predicate stems from.
	Source string
	// Check returns nil, or a witness: what is wrong, and where.
	Check func(S) error
}

// A Violation names the invariant that a state breaks and carries the witness.
type Violation struct {
	Name, Source string
	Witness      error
}

// Error tells the name and the witness.
func (v *Violation) Error() string { return fmt.Sprintf("%s: %v", v.Name, v.Witness) }

// Unwrap returns [ErrViolation] and the witness.
func (v *Violation) Unwrap() []error { return []error{ErrViolation, v.Witness} }

// Check returns the first violation of the list in s, as a [*Violation], or nil.
func Check[S any](list []Invariant[S], s S) error {
	for _, i := range list {
		if err := i.Check(s); err != nil {
			return &Violation{Name: i.Name, Source: i.Source, Witness: err}
		}
	}
	return nil
}
