package daemon

import "testing"

// Each address is another one, below the ports that systems give away.
func TestAddress(t *testing.T) {
	seen := map[string]bool{}
	for range 50 {
		a, err := Address()
		if err != nil {
			t.Fatal(err)
		}
		if seen[a.String()] || a.Port() < firstPort || a.Port() >= firstPort+ports {
			t.Errorf("got %v", a)
		}
		seen[a.String()] = true
	}
}
