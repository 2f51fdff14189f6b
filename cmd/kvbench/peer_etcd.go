package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// An etcdStore writes to etcd over its gRPC interface, by hand: HTTP/2 without TLS
// (gRPC's PROTOCOL-HTTP2.md) and two messages of etcd's rpc.proto, which spares the
// project etcd's client library and all that it imports.
type etcdStore struct {
	http *http.Client
	base string
}

func dialEtcd(addr string) *etcdStore {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	return &etcdStore{
		http: &http.Client{Transport: &http.Transport{Protocols: protocols}},
		base: "http://" + addr + "/etcdserverpb.KV/",
	}
}

// invoke makes a unary call: a frame of five bytes (not compressed, length) and the
// message, both ways; the status comes in the trailer.
func (s *etcdStore) invoke(ctx context.Context, method string, message []byte) ([]byte, error) {
	frame := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message)))
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.base+method, bytes.NewReader(append(frame, message...)))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/grpc")
	request.Header.Set("TE", "trailers")
	response, err := s.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if status := response.Trailer.Get("Grpc-Status"); status != "0" || len(body) < len(frame) {
		return nil, fmt.Errorf("etcd answers %s, grpc-status %q: %s", response.Status, status, response.Trailer.Get("Grpc-Message"))
	}
	return body[len(frame):], nil
}

// appendField appends a field of bytes, of number 1 or 2, to a protobuf message.
func appendField(message []byte, number byte, b []byte) []byte {
	message = append(message, number<<3|2) // wire type 2: length and bytes
	message = binary.AppendUvarint(message, uint64(len(b)))
	return append(message, b...)
}

// get sends a RangeRequest{key = 1}; a RangeResponse has a field 2 (kvs) if there is one.
func (s *etcdStore) get(ctx context.Context, key []byte) error {
	reply, err := s.invoke(ctx, "Range", appendField(nil, 1, key))
	if err == nil && !bytes.Contains(reply, key) {
		return errMissing
	}
	return err
}

// set sends a PutRequest{key = 1, value = 2}.
func (s *etcdStore) set(ctx context.Context, key, value []byte) error {
	_, err := s.invoke(ctx, "Put", appendField(appendField(nil, 1, key), 2, value))
	return err
}

func (s *etcdStore) scan(context.Context, []byte, int) (int, error) {
	return 0, errors.New("etcd is only compared by its sets")
}

func (s *etcdStore) batch() batch { return &sequentialBatch{store: s} }

func (s *etcdStore) close() error {
	s.http.CloseIdleConnections()
	return nil
}

func (s *etcdStore) kind(err error) string { return commonKind(err) }

// A sequentialBatch does one set after the other, for stores without batches: it only
// fills them.
type sequentialBatch struct {
	store store
	calls []func(context.Context) error
}

func (b *sequentialBatch) get(key []byte) {
	b.calls = append(b.calls, func(ctx context.Context) error { return b.store.get(ctx, key) })
}

func (b *sequentialBatch) set(key, value []byte) {
	b.calls = append(b.calls, func(ctx context.Context) error { return b.store.set(ctx, key, value) })
}

func (b *sequentialBatch) do(ctx context.Context, each func(error)) {
	for _, call := range b.calls {
		each(call(ctx))
	}
	b.calls = b.calls[:0]
}

// startEtcd starts one etcd on loopback.
func startEtcd(ctx context.Context, binary string) (*servers, error) {
	ports, err := freePorts("tcp", 2)
	if err != nil {
		return nil, err
	}
	s, err := newServers("etcd")
	if err != nil {
		return nil, err
	}
	s.note = "etcd, one member, every write synced"
	s.addrs = []string{fmt.Sprintf("127.0.0.1:%d", ports[0])}
	client := (&url.URL{Scheme: "http", Host: s.addrs[0]}).String()
	peer := fmt.Sprintf("http://127.0.0.1:%d", ports[1])
	p, err := startProcess(s.dir, binary, "--name", "one", "--data-dir", s.dir+"/data", "--log-level", "error",
		"--listen-client-urls", client, "--advertise-client-urls", client,
		"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", "one="+peer)
	if err == nil {
		s.processes = append(s.processes, p)
		err = p.await(ctx, func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			return dialEtcd(s.addrs[0]).set(ctx, []byte("ready"), nil)
		})
	}
	if err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}
