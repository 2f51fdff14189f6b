package exit_test

import (
	"errors"
	"flag"
	"os"
	"os/exec"
	"testing"

	"ironkv/tests/exit"
)

// TestMain is also the program whose command line is parsed.
func TestMain(m *testing.M) {
	if os.Getenv("EXIT_TEST_PARSES") == "" {
		os.Exit(m.Run())
	}
	flag.CommandLine = flag.NewFlagSet("program", flag.ExitOnError)
	flag.Int("n", 0, "a number")
	exit.Parse()
	os.Exit(exit.Safety)
}

func TestParse(t *testing.T) {
	for arg, want := range map[string]int{"-n=1": exit.Safety, "-n=x": exit.Usage, "-m": exit.Usage, "-h": 0} {
		c := exec.Command(os.Args[0], arg)
		c.Env = append(os.Environ(), "EXIT_TEST_PARSES=1")
		err, code := c.Run(), 0
		if failed := (*exec.ExitError)(nil); errors.As(err, &failed) {
			code = failed.ExitCode()
		} else if err != nil {
			t.Fatal(err)
		}
		if code != want {
			t.Errorf("%s: exit code %d, want %d", arg, code, want)
		}
	}
}
