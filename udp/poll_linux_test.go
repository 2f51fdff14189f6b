package udp

import (
	"errors"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// TestIdlePollsOnce: to whom nothing comes, polling takes no more than a moment of the processor.
func TestIdlePollsOnce(t *testing.T) {
	c := pollingConn(t, Config{})
	runtime.GC()
	const idle = time.Second
	before := processorTime(t)
	if _, err := c.Receive(c.start.Add(c.Now()+idle), nil); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
	if took := processorTime(t) - before; took > idle/2 {
		t.Errorf("%v of processor time in %v", took, idle)
	}
}

// processorTime is what the process has taken.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
