package main

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/kv/server"
	"ironkv/marshal"
)

// settings is what the flags mean.
type settings struct {
	flags
	server   server.Config  // but for the store
	profiles netip.AddrPort // zero: none
	log      *slog.Logger
	logJSON  bool
}

// hosts understands the flags of each host that this process runs.
func (f *flags) hosts() ([]*settings, error) {
	if len(f.ids) > 1 && (f.listen != "" || f.pprof != "") {
		return nil, errors.New("--listen and --pprof are for one host: give one --id")
	}
	var hosts []*settings
	for i, id := range f.ids {
		if slices.Contains(f.ids[:i], id) {
			return nil, fmt.Errorf("--id: host %d stands there twice", id)
		}
		one := *f
		one.id = uint32(min(id, math.MaxUint32))
		if len(f.ids) > 1 && f.data != "" {
			one.data = filepath.Join(f.data, strconv.FormatUint(uint64(id), 10))
		}
		s, err := one.settings()
		if err != nil {
			return nil, err
		}
		hosts = append(hosts, s)
	}
	if len(hosts) == 0 {
		s, err := f.settings() // which says what is missing
		return []*settings{s}, err
	}
	return hosts, nil
}

// settings understands the flags, or says what is wrong with them.
func (f *flags) settings() (*settings, error) {
	s := &settings{flags: *f}
	if err := s.openLog(); err != nil {
		return nil, err
	}
	config, err := f.config()
	if err != nil {
		return nil, err
	}
	s.server = server.Config{Config: config, Insecure: f.insecure, Logger: s.log}
	if f.listen != "" {
		if s.server.Listen, err = server.ParseAddress(f.listen); err != nil {
			return nil, fmt.Errorf("--listen: %w", err)
		}
	}
	err = s.server.Check()
	switch {
	case errors.Is(err, server.ErrInsecure):
		return nil, fmt.Errorf("%w; in a network where that is acceptable, give --insecure", err)
	case err != nil:
		return nil, err
	case f.memory && f.data != "":
		return nil, errors.New("--memory and --data exclude each other: a host keeps everything in one place")
	case !f.memory && f.data == "":
		return nil, errors.New("give --data DIR to keep everything on disk, or --memory for a host that loses it on exit")
	case f.data != "" && isFile(f.data):
		return nil, fmt.Errorf("--data %s is a file: give the directory to keep everything in", f.data)
	case f.limits.reserve < server.MinReserveBytes:
		return nil, fmt.Errorf("--reserve %v is too small: a fast writer would be past it before the host looks at its room again; "+
			"give at least %d bytes", &f.limits.reserve, server.MinReserveBytes)
	case f.memory && f.memoryLimit > 0 && f.limits.reserve >= f.memoryLimit:
		return nil, fmt.Errorf("--reserve %v leaves nothing of --memory-limit %v to write to", &f.limits.reserve, &f.memoryLimit)
	case f.pprof == "":
		return s, nil
	}
	if s.profiles, err = server.ParseAddress(f.pprof); err != nil {
		return nil, fmt.Errorf("--pprof: %w", err)
	}
	if !s.profiles.Addr().IsLoopback() {
		return nil, fmt.Errorf("--pprof %s: profiles are served on loopback only", f.pprof)
	}
	return s, nil
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.IsDir()
}

// config returns the machine's configuration.
func (f *flags) config() (kv.Config, error) {
	members, err := parseCluster(f.cluster)
	if err != nil {
		return kv.Config{}, err
	}
	if f.id == 0 {
		return kv.Config{}, errors.New("give --id, which of the hosts in --cluster this one is")
	}
	if err := f.limits.check(); err != nil {
		return kv.Config{}, err
	}
	c := kv.Config{
		Me: delegation.HostID(f.id), Root: delegation.HostID(f.root), Members: members,
		Software: software(), Durable: !f.memory, Limits: f.limits.kvLimits(),
	}
	if c.Root == 0 {
		c.Root = members[0].ID
	}
	for _, v := range []struct {
		flag string
		id   delegation.HostID
	}{{"id", c.Me}, {"root", c.Root}} {
		if !slices.ContainsFunc(members, func(m marshal.Member) bool { return m.ID == v.id }) {
			return c, fmt.Errorf("--%s %d is not in --cluster %s", v.flag, v.id, f.cluster)
		}
	}
	return c, nil
}

// parseCluster reads "1=127.0.0.1:7001,2=127.0.0.1:7002", in any order.
func parseCluster(list string) ([]marshal.Member, error) {
	if list == "" {
		return nil, errors.New("give --cluster, all hosts as ID=HOST:PORT, separated by commas")
	}
	var members []marshal.Member
	for item := range strings.SplitSeq(list, ",") {
		id, address, ok := strings.Cut(strings.TrimSpace(item), "=")
		number, err := strconv.ParseUint(id, 10, 32)
		if !ok || err != nil || number == 0 {
			return nil, fmt.Errorf("--cluster: %q is not ID=HOST:PORT with an id of 1 or more", item)
		}
		addr, err := server.ParseAddress(address)
		if err != nil {
			return nil, fmt.Errorf("--cluster: host %d: %w", number, err)
		}
		m := marshal.Member{ID: delegation.HostID(number), Address: addr.String()}
		for _, other := range members {
			switch {
			case other.ID == m.ID:
				return nil, fmt.Errorf("--cluster: host %d stands there twice", m.ID)
			case other.Address == m.Address:
				return nil, fmt.Errorf("--cluster: hosts %d and %d have the same address %s", other.ID, m.ID, m.Address)
			}
		}
		members = append(members, m)
	}
	slices.SortFunc(members, func(a, b marshal.Member) int { return int(int64(a.ID) - int64(b.ID)) })
	return members, nil
}

// clusterName is the list of hosts in its one form: a data directory belongs to it.
func clusterName(c kv.Config) string {
	items := make([]string, len(c.Members))
	for i, m := range c.Members {
		items[i] = fmt.Sprintf("%d=%s", m.ID, m.Address)
	}
	return strings.Join(items, ",") + " root=" + c.Root.String()
}

// plain has an error logged as its text: the text handler would ask it for all that it
// has, and those of the database have a stack, of many lines.
func plain(_ []string, a slog.Attr) slog.Attr {
	if err, ok := a.Value.Any().(error); ok {
		a.Value = slog.StringValue(err.Error())
	}
	return a
}

// openLog makes the log that the flags ask for.
func (s *settings) openLog() error {
	var level slog.Level
	if err := level.UnmarshalText([]byte(s.logLevel)); err != nil {
		return fmt.Errorf("--log-level %q: want debug, info, warn or error", s.logLevel)
	}
	opts := &slog.HandlerOptions{Level: level, ReplaceAttr: plain}
	switch s.logFormat {
	case "text":
		s.log = slog.New(slog.NewTextHandler(os.Stderr, opts))
	case "json":
		s.logJSON = true
		s.log = slog.New(slog.NewJSONHandler(os.Stderr, opts))
	default:
		return fmt.Errorf("--log-format %q: want text or json", s.logFormat)
	}
	return nil
}
