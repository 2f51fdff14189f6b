package main

import (
	"fmt"
	"math/rand/v2"
)

// An operation is what a loop does again and again.
type operation string

const (
	opGet   operation = "get"
	opSet   operation = "set"
	opMixed operation = "mixed"
	opScan  operation = "scan"
)

// A workload says what is asked of a store.
type workload struct {
	Op           operation    `json:"op"`
	Ratio        float64      `json:"ratio,omitempty"` // share of gets in a mix, 0 to 1
	ValueBytes   int          `json:"value_bytes"`
	Keys         uint64       `json:"keys"`
	Distribution distribution `json:"distribution"`
	// Batch is how many gets or sets go together; 0 or 1: each by itself.
	Batch int `json:"batch,omitempty"`
	// ScanEntries is how many entries a scan reads.
	ScanEntries int `json:"scan_entries,omitempty"`
}

func (w workload) check() error {
	switch {
	case w.Keys < 1:
		return fmt.Errorf("--keys: at least 1")
	case w.ValueBytes < 0 || w.ValueBytes > maxValueBytes:
		return fmt.Errorf("--value-size: 0 to %d bytes", maxValueBytes)
	case w.Ratio < 0 || w.Ratio > 1:
		return fmt.Errorf("--ratio: 0 (only sets) to 1 (only gets)")
	case w.Batch < 0 || w.Batch > maxBatch:
		return fmt.Errorf("--batch: 0 to %d", maxBatch)
	case w.Op == opScan && w.ScanEntries < 1:
		return fmt.Errorf("--entries: at least 1")
	}
	return nil
}

// keyBytes is the length of every key, in bytes: "key:" and 12 digits.
const keyBytes = 16

// appendKey appends the key of number n, which is below 10^12.
func appendKey(to []byte, n uint64) []byte {
	var digits [keyBytes - 4]byte
	for i := len(digits) - 1; i >= 0; i-- {
		digits[i] = byte('0' + n%10)
		n /= 10
	}
	to = append(to, "key:"...)
	return append(to, digits[:]...)
}

// randomValue makes a value that does not compress; the same for the same length.
func randomValue(bytes int) []byte {
	random := rand.New(rand.NewPCG(uint64(bytes), 1))
	value := make([]byte, bytes)
	for i := range value {
		value[i] = byte(random.Uint32())
	}
	return value
}
