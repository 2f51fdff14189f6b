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
	"time"
)

// profile writes CPU profiles into dir while measure runs: client.pprof of this
// program, and host.pprof of the first host where that is a process of its own.
func profile(ctx context.Context, dir, host string, length time.Duration, measure func() error) (err error) {
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
	fetched := make(chan error, 1)
	go func() { fetched <- fetchProfile(ctx, host, filepath.Join(dir, "host.pprof"), length) }()
	err = measure()
	pprof.StopCPUProfile()
	return errors.Join(err, <-fetched)
}

// fetchProfile asks a host that serves profiles at addr for one; "": nobody does.
func fetchProfile(ctx context.Context, addr, path string, length time.Duration) (err error) {
	if addr == "" {
		return nil
	}
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
