package udp

import (
	"container/heap"
	"time"
)

// never is a time that does not come.
const never = time.Duration(1<<63 - 1)

// alarms are the peers with transmissions, the one that is due first at the front: however many do
// not answer, each datagram costs the same. A peer stands where it was due at some time (alarmAt),
// which is never later than it is due now: acknowledgements put timers off all the time, and only
// who comes to the front is looked at again.
type alarms []*peer

func (l *alarms) add(p *peer) {
	p.active, p.alarmAt = true, never
	heap.Push(l, p)
}

func (l *alarms) remove(p *peer) {
	heap.Remove(l, p.alarm)
	p.active = false
}

// set moves p to where it belongs when it is due at a time.
func (l *alarms) set(p *peer, at time.Duration) {
	p.alarmAt = at
	heap.Fix(l, p.alarm)
}

// advance is set where at is earlier than p stands for.
func (l *alarms) advance(p *peer, at time.Duration) {
	if at < p.alarmAt {
		l.set(p, at)
	}
}

// Len, Less, Swap, Push and Pop implement heap.Interface.
func (l alarms) Len() int { return len(l) }

// Less compares when two are due.
func (l alarms) Less(i, j int) bool { return l[i].alarmAt < l[j].alarmAt }

// Swap exchanges two.
func (l alarms) Swap(i, j int) {
	l[i], l[j] = l[j], l[i]
	l[i].alarm, l[j].alarm = i, j
}

// Push appends a peer.
func (l *alarms) Push(v any) {
	p, _ := v.(*peer)
	p.alarm = len(*l)
	*l = append(*l, p)
}

// Pop removes the last one.
func (l *alarms) Pop() any {
	last := (*l)[len(*l)-1]
	(*l)[len(*l)-1] = nil
	*l = (*l)[:len(*l)-1]
	return last
}
