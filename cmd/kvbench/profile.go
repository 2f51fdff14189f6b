package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime/pprof"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// profile writes CPU profiles into dir while measure runs: client.pprof of this
// program, and host.pprof of the first host where that is a process of its own.
func profile(ctx context.Context, dir string, hosts []string, length time.Duration, measure func() error) error {
	return profileClient(dir, func() error {
		if len(hosts) == 0 {
			return measure()
		}
		fetched := make(chan error, 1)
		go func() { fetched <- fetchProfile(ctx, hosts[0], filepath.Join(dir, "host.pprof"), length) }()
		err := measure()
		return errors.Join(err, <-fetched)
	})
}

// profileSlice is how long one profile of a host takes where nobody knows for how
// long there will be something to see.
const profileSlice = time.Second

// profileWhile is profile for work of unknown length: of each host as many files as it
// takes, host1-001.pprof and so on, of a second each; the last ends after the work.
// go tool pprof reads several files as one.
func profileWhile(ctx context.Context, dir string, hosts []string, work func() error) error {
	return profileClient(dir, func() error {
		if dir == "" {
			return work()
		}
		var over atomic.Bool
		group, ctx := errgroup.WithContext(ctx)
		for i, addr := range hosts {
			group.Go(func() error {
				for n := 1; !over.Load(); n++ {
					path := filepath.Join(dir, fmt.Sprintf("host%d-%03d.pprof", i+1, n))
					if err := fetchProfile(ctx, addr, path, profileSlice); err != nil {
						return err
					}
				}
				return nil
			})
		}
		err := work()
		over.Store(true)
		return errors.Join(err, group.Wait())
	})
}

// profileClient writes client.pprof into dir; "": there is none.
func profileClient(dir string, measure func() error) (err error) {
	if dir == "" {
		return measure()
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	file, err := os.Create(filepath.Join(dir, "client.pprof"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := pprof.StartCPUProfile(file); err != nil {
		return err
	}
	defer pprof.StopCPUProfile()
	return measure()
}

// fetchProfile asks a host that serves profiles at addr for one.
func fetchProfile(ctx context.Context, addr, path string, length time.Duration) (err error) {
	seconds := max(1, int(length/time.Second))
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", addr, seconds), nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("the host's profile: %w", err)
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, response.Body)
	return errors.Join(err, file.Close())
}
