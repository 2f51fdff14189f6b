package explorer

import (
	"fmt"
	"strings"

	"ironkv/delegation"
	"ironkv/ghost"
	"ironkv/ghost/judge"
	"ironkv/kv"
	"ironkv/tests/explore/search"
	"ironkv/tests/world"
)

// A Report says what the exploration of a scope has seen.
type Report struct {
	search.Report
	// Stutters are deliveries and timers that changed nothing.
	Stutters uint64
	// Quiet is the number of states in which nothing was left to happen by itself.
	Quiet uint64
	// Cores are the states of all hosts, Machines those of single hosts, Steps
	// what was executed of the machines' code, Packets those ever sent.
	Cores, Machines, Packets int
	Steps                    uint64
	// Seen is what hosts did, Actions what of it P calls by a name.
	Seen, Actions *judge.Coverage
}

// String renders the report.
func (r Report) String() string {
	var b strings.Builder
	b.WriteString(r.Report.String())
	fmt.Fprintf(&b, "stutters %d, quiet states %d, states of all hosts %d, of single hosts %d, steps executed %d, packets %d\n",
		r.Stutters, r.Quiet, r.Cores, r.Machines, r.Steps, r.Packets)
	fmt.Fprintf(&b, "hosts:\n%vactions of P:\n%v", r.Seen, r.Actions)
	return b.String()
}

// Explore searches all of a scope. The error is a [*search.Counterexample] whose
// trace is a shortest story, or wraps [search.ErrIncomplete].
func Explore(scope Scope) (Report, error) {
	_, r, err := explore(scope)
	return r, err
}

func explore(scope Scope) (*graph, Report, error) {
	g, first, err := begin(scope)
	if err != nil {
		return nil, Report{}, err
	}
	space := search.Space[*state]{
		Init: []*state{first}, Next: g.next, Workers: scope.Workers, MaxStates: scope.MaxStates,
		Key: func(b []byte, s *state) []byte { return s.encode(b) },
	}
	if g.ends() {
		space.Goal = g.outstanding
	}
	r, err := search.Run(space)
	return g, Report{
		Report: r, Stutters: g.stutters.Load(), Quiet: g.quiets.Load(), Cores: len(g.cores), Machines: len(g.machines),
		Packets: len(g.packets), Steps: g.steps, Seen: g.seen, Actions: first.core.checker().Coverage(),
	}, err
}

// begin makes a scope's first state: hosts that have met, clients with a session
// at each host and their first requests sent, the stored keys stored.
func begin(scope Scope) (*graph, *state, error) {
	g := &graph{
		scope: scope, packets: map[hash]*packet{}, machines: map[hash]*machine{}, services: map[hash]*service{},
		cores: map[coreKey]*core{}, clients: map[hash]*client{}, seen: judge.NewCoverage(doings()...),
	}
	for _, script := range scope.Clients {
		for _, op := range script {
			if op.Kind == world.OpShard {
				g.orders++
			}
		}
	}
	if scope.Hosts > maxHosts {
		return nil, nil, fmt.Errorf("%s: a scope has %d hosts at most", scope.Name, maxHosts)
	}
	w := world.New(world.Config{
		Hosts: scope.Hosts, Clients: len(scope.Clients), Met: true,
		Limits: kv.Limits{ChunkBytes: 1}, // each entry is a chunk by itself
		NewStore: func(delegation.HostID) world.Store {
			if scope.Wrap != nil {
				return scope.Wrap(newMemory())
			}
			return newMemory()
		},
	})
	checker, err := g.prepare(w)
	if err != nil {
		return nil, nil, fmt.Errorf("%s, before it begins: %w", scope.Name, err)
	}
	checker.Tell(scope.told)
	s := &state{crashes: scope.Crashes, givesUp: scope.GivesUp, waits: scope.Waits, rooms: scope.Rooms}
	var machines []*machine
	for i, n := range w.Nodes {
		m := g.machine(n.Host, n.Store.(Store), 0)
		m.part = checker.Alone(n.ID)
		machines = append(machines, m)
		g.labels = append(g.labels, labels{
			timer: fmt.Sprintf("host %d's timer fires", i+1),
			wait:  fmt.Sprintf("host %d waits until its next deadline", i+1),
			crash: fmt.Sprintf("host %d crashes and restarts", i+1),
			rooms: [...]string{
				fmt.Sprintf("host %d's disk is full but for the reserve", i+1),
				fmt.Sprintf("host %d's disk is full", i+1),
				fmt.Sprintf("host %d's disk has room", i+1),
			},
		})
	}
	if s.core, err = g.core(machines, 0, machines[0], g.service(checker.System().Service)); err != nil {
		return nil, nil, fmt.Errorf("%s, where it begins: %w", scope.Name, err)
	}
	for i, c := range w.Clients {
		r := g.client(c.Clone(), i, 0, nil)
		s.clients = append(s.clients, r.next)
		if err := s.send(r.sent, scope.Whole); err != nil {
			return nil, nil, err
		}
	}
	return g, s, nil
}

// prepare opens the sessions and stores the keys, under the eyes of the checker.
func (g *graph) prepare(w *world.World) (*ghost.Checker, error) {
	var hosts []*kv.Host
	for _, n := range w.Nodes {
		hosts = append(hosts, n.Host)
	}
	checker, err := ghost.NewChecker(0, hosts...)
	if err != nil {
		return nil, err
	}
	w.Observer = func(s world.Step) {
		if err == nil {
			err = checker.Step(s.Node.Host, s.In, s.Out)
		}
	}
	do := func(client int, op world.Op) {
		w.Invoke(client, op)
		for len(w.Net) > 0 {
			w.Deliver(0)
		}
	}
	for i := range w.Clients {
		for _, n := range w.Nodes {
			do(i+1, world.Op{Kind: world.OpStatus, At: n.ID})
		}
	}
	for _, key := range g.scope.Stored {
		do(1, put(key, "old"))
	}
	for _, c := range w.Clients {
		if err == nil && c.Waiting() {
			err = fmt.Errorf("client %d was not answered", c.ID)
		}
	}
	if err == nil {
		err = checker.Check(hosts...)
	}
	return checker, err
}

// doings are the names of what hosts can do, so that the table shows what they
// never did.
func doings() (names []string) {
	for a := kv.ActNone; a <= kv.ActRoom; a++ {
		names = append(names, "does "+ghost.ActionName(a))
	}
	for d := kv.DropNone + 1; d < kv.NumDropReasons; d++ {
		names = append(names, "drops, "+d.String())
	}
	return append(names, "redirects", "has a request held")
}
