package main

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
)

// A distribution says how often which keys are asked for.
type distribution string

const (
	uniform distribution = "uniform"
	zipf    distribution = "zipf"
)

// zipfExponent is just above 1, the least that the generator takes: close to the
// 0.99 of YCSB (Cooper et al., SoCC 2010, section 5.3).
const zipfExponent = 1.01

// String, Set and Type make a distribution a flag's value.
func (d *distribution) String() string { return string(*d) }

// Set takes the flag's argument.
func (d *distribution) Set(s string) error {
	switch v := distribution(s); v {
	case uniform, zipf:
		*d = v
		return nil
	}
	return fmt.Errorf("one of uniform, zipf")
}

// Type names the kind of argument for the help text.
func (d *distribution) Type() string { return "NAME" }

// A chooser draws numbers of keys; it belongs to one goroutine.
type chooser struct {
	random *rand.Rand
	zipf   *rand.Zipf
	keys   uint64
}

func newChooser(d distribution, keys, seed uint64) *chooser {
	c := &chooser{random: rand.New(rand.NewPCG(seed, keys)), keys: keys}
	if d == zipf {
		c.zipf = rand.NewZipf(c.random, zipfExponent, 1, keys-1)
	}
	return c
}

// next draws the number of a key, below keys.
func (c *chooser) next() uint64 {
	if c.zipf == nil {
		return c.random.Uint64N(c.keys)
	}
	return scramble(c.zipf.Uint64(), c.keys)
}

// scramble spreads the popular keys over the key space, as YCSB's "scrambled
// zipfian" does, so that they are not neighbours. Some numbers fall together.
func scramble(rank, keys uint64) uint64 {
	h := rank * 0x9E3779B97F4A7C15 // 2^64 divided by the golden ratio
	h ^= h >> 29
	high, _ := bits.Mul64(h*0xBF58476D1CE4E5B9, keys)
	return high
}
