package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// balancer passes calls on to replicas in turn. It sends nothing again that may have reached one.
type balancer struct {
	URL string
	// probed has it ask for /readyz, and trust in that alone; otherwise it passes over replicas that refuse connections.
	probed bool

	mu       sync.Mutex
	next     int
	replicas []string // host:port
	ready    []bool
}

// probeInterval is how often a balancer asks.
const probeInterval = 250 * time.Millisecond

func startBalancer(t *testing.T, probed bool, urls []string) *balancer {
	t.Helper()
	b := &balancer{probed: probed, replicas: make([]string, len(urls)), ready: make([]bool, len(urls))}
	for slot, u := range urls {
		b.moved(slot, u)
	}
	var http1, http2, both http.Protocols
	http1.SetHTTP1(true)
	http2.SetUnencryptedHTTP2(true)
	both.SetHTTP1(true)
	both.SetUnencryptedHTTP2(true)
	// Many connections are kept: that replicas end with them is what is tested.
	transports := map[int]*http.Transport{
		1: {DialContext: b.dial, Protocols: &http1, MaxIdleConnsPerHost: 100}, 2: {DialContext: b.dial, Protocols: &http2},
	}
	server := httptest.NewUnstartedServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: strconv.Itoa(b.turn()) + ".slot"})
			r.Out.Host = r.In.Host
			if body, err := io.ReadAll(r.In.Body); err == nil { // to be sent again after a GOAWAY that says that it was not seen
				r.Out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
				r.Out.Body, _ = r.Out.GetBody()
			}
		},
		Transport:     roundTripper(func(r *http.Request) (*http.Response, error) { return transports[r.ProtoMajor].RoundTrip(r) }),
		FlushInterval: -1,
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			http.Error(w, "balancer: "+err.Error(), http.StatusBadGateway)
		},
	})
	server.Config.Protocols = &both
	server.Start()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	t.Cleanup(func() {
		stop()
		for _, transport := range transports {
			transport.CloseIdleConnections()
		}
		server.CloseClientConnections()
		server.Close()
	})
	if b.probed {
		for slot := range urls {
			go b.probe(ctx, slot)
		}
	}
	b.URL = server.URL
	return b
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// moved tells of a replica that has just become ready.
func (b *balancer) moved(slot int, u string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.replicas[slot], b.ready[slot] = strings.TrimPrefix(u, "http://"), true
}

// turn returns the slot of the replica whose turn it is.
func (b *balancer) turn() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	for range b.replicas {
		b.next = (b.next + 1) % len(b.replicas)
		if b.ready[b.next] {
			break
		}
	}
	return b.next
}

func (b *balancer) replica(slot int) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.replicas[slot%len(b.replicas)]
}

// dial connects to the replica in the slot that an address "1.slot:80" names, or unless b is probed to one of the next.
func (b *balancer) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	name, _, _ := strings.Cut(addr, ".")
	slot, err := strconv.Atoi(name)
	if err != nil {
		return nil, err
	}
	tries := len(b.replicas)
	if b.probed {
		tries = 1
	}
	var failed error
	for i := range tries {
		conn, err := new(net.Dialer).DialContext(ctx, network, b.replica(slot+i))
		if err == nil {
			return conn, nil
		}
		failed = errors.Join(failed, err)
	}
	return nil, failed
}

func (b *balancer) probe(ctx context.Context, slot int) {
	for tick := time.NewTicker(probeInterval); ctx.Err() == nil; <-tick.C {
		address := b.replica(slot)
		ready := get("http://"+address+"/readyz") == http.StatusOK
		b.mu.Lock()
		if address == b.replicas[slot] {
			b.ready[slot] = ready
		}
		b.mu.Unlock()
	}
}
