package delegation_test

import (
	"errors"
	"fmt"

	"ironkv/delegation"
)

// Host 1 is the root host; fruits from "b" up to "m" move to host 2.
func ExampleMap() {
	m := delegation.NewMap(1)
	r, err := delegation.NewRange(delegation.At("b"), delegation.At("m"))
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := m.Assign(r, 2); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("apple:", m.Lookup("apple"))
	fmt.Println("cherry:", m.Lookup("cherry"))
	for r, host := range m.Ranges() {
		fmt.Println(host, r)
	}
	// Output:
	// apple: 1
	// cherry: 2
	// 1 [-inf, "b")
	// 2 ["b", "m")
	// 1 ["m", +inf)
}

// A redirect names the widest range around the key, so that its receiver learns
// as much as it can.
func ExampleMap_LookupRange() {
	m := delegation.NewMap(1)
	if err := m.Assign(delegation.Prefix([]byte("user/")), 3); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(m.LookupRange("user/ann"))
	fmt.Println(m.LookupRange("zoo"))
	// Output:
	// ["user/", "user0") 3
	// ["user0", +inf) 1
}

// A clone costs next to nothing, and lets a loop change the map that it walks.
func ExampleMap_Clone() {
	m := delegation.NewMap(1)
	for _, key := range []delegation.Key{"a", "b", "c"} {
		if err := m.Assign(delegation.Single(key), 2); err != nil {
			fmt.Println(err)
			return
		}
	}
	for r := range m.Clone().RangesOf(2) {
		if err := m.Assign(r, 3); err != nil {
			fmt.Println(err)
			return
		}
	}
	fmt.Println(m.Lookup("a"), m.Lookup("b"), m.Lookup("c"), m.Lookup("d"))
	// Output: 3 3 3 1
}

// An order about no key is refused: it is a mistake of whoever gave it.
func ExampleMap_Assign_empty() {
	m := delegation.NewMap(1)
	err := m.Assign(delegation.Range{From: delegation.At("m"), Until: delegation.At("b")}, 2)
	fmt.Println(err)
	fmt.Println(errors.Is(err, delegation.ErrEmptyRange))
	// Output:
	// assign ["m", "b") to host 2: empty range
	// true
}

// Stores and decoders keep a map as its boundaries, and check what they read.
func ExampleMapOf() {
	m, err := delegation.MapOf([]delegation.Boundary{
		{From: delegation.NegInf, Host: 1},
		{From: delegation.At("m"), Host: 2},
	})
	fmt.Println(m.Lookup("n"), err)
	_, err = delegation.MapOf([]delegation.Boundary{{From: delegation.At("m"), Host: 2}})
	fmt.Println(err)
	// Output:
	// 2 <nil>
	// invalid delegation map: the first boundary is "m", keys below it have no owner
}

// A prefix ends where its last byte that can grow has grown.
func ExamplePrefix() {
	fmt.Println(delegation.Prefix([]byte("user/")))
	fmt.Println(delegation.Prefix([]byte("a\xff")))
	fmt.Println(delegation.Prefix([]byte("\xff")))
	fmt.Println(delegation.Prefix(nil))
	// Output:
	// ["user/", "user0")
	// ["a\xff", "b")
	// ["\xff", +inf)
	// [-inf, +inf)
}
