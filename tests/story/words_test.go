package story

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ironkv/delegation"
)

// The vocabulary is documented, and every word of it occurs in a story.
func TestEveryCommandIsDocumentedAndUsed(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob("testdata/*.txt")
	used := ""
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		used += string(text)
	}
	for name := range commands {
		if !strings.Contains(string(doc), "\t"+name+" ") && !strings.Contains(string(doc), ", "+name+" ") &&
			!strings.Contains(string(doc), "\t"+name+"\n") && !strings.Contains(string(doc), name+" MOVE") {
			t.Errorf("doc.go does not say what %s means", name)
		}
		if !strings.Contains(used, "\n"+name+" ") && !strings.Contains(used, "\n"+name+"\n") {
			t.Errorf("no story says %s", name)
		}
	}
}

// What is written wrong is told with its place.
func TestErrorsNameTheLine(t *testing.T) {
	const head = "# A comment.\nhosts 2\nput d=apple\nshard move a..m from=1 to=2\ndeliver keep=Delegate\n"
	for line, want := range map[string]string{
		"fly":                         `there is no command "fly"`,
		"hosts 2":                     "there are hosts already",
		"put d":                       "KEY=VALUE",
		"put d=x colour=red":          `"colour=red" is not understood`,
		"put d=x client=7":            "there is no client 7",
		"get":                         "a key is missing",
		"shard move a-m from=1 to=2":  "a range is written FROM..UNTIL",
		"shard mov a..m from=1 to=2":  "it is written shard move FROM..UNTIL",
		"pause one":                   "HOST-NUMBER",
		"send wait":                   "no operation",
		"repeat client=2":             "nothing to repeat",
		"giveup w":                    "no operation as=w is waiting",
		"close at=2":                  "no session at host 2",
		"deliver drop=Delegates":      "neither a kind of message nor a link",
		"deliver Ack":                 "no Ack on the network: Delegate 1→2 #1",
		"deliver Delegate #x":         `"#x" is not understood`,
		"deliver copy":                "want a description",
		"deliver Delegate crash=soon": "crash=uncommitted or crash=unsent",
		"late Refusal":                "no Refusal was ever sent",
		"wait long":                   `"long" is no time`,
		"tick 1":                      "nothing to do now",
		"crash 3":                     "there is no host 3",
		"restart 1":                   "host 1 is up",
		"wipe 1":                      "crash it before",
		"arrive d1":                   `no datagram "d1"`,
		"host two":                    "a host is a number",
	} {
		_, err := tell("x.txt", head+line+"\n----\n")
		if err == nil || !strings.HasPrefix(err.Error(), "x.txt:6: "+line) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", line, err, want)
		}
	}
	for text, want := range map[string]string{
		"hosts 2\n----\n":               "x.txt:1: a story begins with a comment",
		"# A comment.\nput d=a\n----\n": "x.txt:2: put d=a: there are no hosts yet",
		"# A comment.\nhosts 2\n":       "x.txt:1: there is no line ----",
		"# A.\nhosts 2 root=3\n----\n":  "x.txt:2: hosts 2 root=3: 2 hosts with root 3",
	} {
		if _, err := tell("x.txt", text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// A story fails by itself when safety breaks, whatever is written in its lower half.
func TestAStoryIsJudged(t *testing.T) {
	for name, harm := range map[string]func(*stage){
		"EachKeyClaimedInExactlyOnePlace": func(s *stage) {
			if err := s.world.Node(2).Host.State().Map.Assign(delegation.All, 2); err != nil {
				t.Fatal(err)
			}
		},
		"Refinement": func(s *stage) { s.world.Node(1).Store.Delete("d") },
	} {
		s := &stage{}
		for _, line := range []string{"hosts 2", "put d=apple", "get d"} {
			if err := s.do(line); err != nil {
				t.Fatal(err)
			}
		}
		harm(s)
		err := s.do("net")
		if err == nil || !strings.Contains(err.Error(), name+": ") {
			t.Errorf("%v, want a violation of %s", err, name)
		}
	}
}

// A fair network that does not bring everything to its end is an error.
func TestSettleWantsAnEnd(t *testing.T) {
	_, err := tell("x.txt", "# A comment.\nhosts 2\nput d=a\nshard move .. from=1 to=2\ndeliver keep=Delegate\ncrash 2\nsettle\n----\n")
	if err == nil || !strings.Contains(err.Error(), "x.txt:7: settle: after") {
		t.Errorf("%v", err)
	}
}
