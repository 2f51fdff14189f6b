package story

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"ironkv/kv"
	"ironkv/marshal"
)

// firstRead is where clients' numbers of reads begin: they are shown as r1, r2.
const firstRead = 1 << 31

// kindOf is the name of a message's type; a Single is called what it carries.
func kindOf(m marshal.Message) string {
	if _, ok := m.(*marshal.Single); ok {
		return "Delegate"
	}
	return strings.TrimPrefix(fmt.Sprintf("%T", m), "*marshal.")
}

// numberOf is the number that a message has in its sequence, 0 for none.
func numberOf(m marshal.Message) uint64 {
	for _, field := range []string{"Seqno", "Number"} {
		if v := reflect.ValueOf(m).Elem().FieldByName(field); v.IsValid() {
			return v.Uint()
		}
	}
	return 0
}

func numberText(n uint64) string {
	if n > firstRead {
		return fmt.Sprintf("#r%d", n-firstRead)
	}
	return fmt.Sprintf("#%d", n)
}

// endText is how an end of a packet is written: 2 is a host, c1 a client.
func (s *stage) endText(e kv.Endpoint) string {
	if e.Host != 0 {
		return e.Host.String()
	}
	for _, c := range s.world.Clients {
		if c.Addr == e.Client {
			return fmt.Sprintf("c%d", c.ID)
		}
	}
	return "stranger"
}

func (s *stage) linkText(p kv.Packet) string { return s.endText(p.Src) + "→" + s.endText(p.Dst) }

// packetText names a packet: Delegate 1→2 #1.
func (s *stage) packetText(p kv.Packet) string {
	text := kindOf(p.Msg) + " " + s.linkText(p)
	if n := numberOf(p.Msg); n != 0 {
		text += " " + numberText(n)
	}
	return text
}

// A pattern describes packets; what it leaves empty may be anything.
type pattern struct {
	kind, link string
	number     string
}

func (q pattern) String() string {
	return strings.TrimSpace(strings.Join([]string{q.kind, q.link, q.number}, " "))
}

func (s *stage) matches(q pattern, p kv.Packet) bool {
	return (q.kind == "" || q.kind == kindOf(p.Msg)) && (q.link == "" || q.link == s.linkText(p)) &&
		(q.number == "" || q.number == numberText(numberOf(p.Msg)))
}

// kinds are the messages that packets carry, as patterns name them.
var kinds = kindSet()

func kindSet() map[string]bool {
	kinds := map[string]bool{}
	for _, m := range []marshal.Message{
		&marshal.Hello{}, &marshal.CookieReply{}, &marshal.Open{}, &marshal.Opened{}, &marshal.CloseRequest{},
		&marshal.GetRequest{}, &marshal.SetRequest{}, &marshal.ScanRequest{}, &marshal.Shard{}, &marshal.MoveOrder{},
		&marshal.GetReply{}, &marshal.SetReply{}, &marshal.Redirect{}, &marshal.ScanReply{}, &marshal.OrderReply{}, &marshal.Refusal{},
		&marshal.Greet{}, &marshal.Mismatch{}, &marshal.Propose{}, &marshal.Consent{}, &marshal.Single{}, &marshal.Ack{},
	} {
		kinds[kindOf(m)] = true
	}
	return kinds
}

// add makes q narrower by a word, if the word describes packets.
func (q *pattern) add(word string) bool {
	link := strings.Replace(word, ">", "→", 1)
	switch {
	case kinds[word] && q.kind == "":
		q.kind = word
	case strings.HasPrefix(word, "#") && q.number == "":
		if _, err := strconv.ParseUint(strings.TrimPrefix(word[1:], "r"), 10, 64); err != nil {
			return false
		}
		q.number = word
	case strings.Contains(link, "→") && q.link == "":
		q.link = link
	default:
		return false
	}
	return true
}

// pattern takes the words that describe packets.
func (a *args) pattern() (q pattern) {
	for a.more() && q.add(a.words[0]) {
		a.words = a.words[1:]
	}
	return q
}

// optPatterns takes an option that lists kinds of packets, or links.
func (a *args) optPatterns(name string) (list []pattern) {
	v, ok := a.opt(name)
	if !ok {
		return nil
	}
	for _, word := range strings.Split(v, ",") {
		var q pattern
		if !q.add(word) {
			a.fail("%s=%s: %q is neither a kind of message nor a link such as 1>2", name, v, word)
		}
		list = append(list, q)
	}
	return list
}

func (s *stage) matchesAny(list []pattern, p kv.Packet) bool {
	for _, q := range list {
		if s.matches(q, p) {
			return true
		}
	}
	return false
}
