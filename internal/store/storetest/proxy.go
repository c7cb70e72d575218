package storetest

import (
	"net"
	"net/url"
	"sync"
	"testing"
	"time"
)

// Proxy stands between a program and a cluster, and does to the connections what networks do.
type Proxy struct {
	listener net.Listener

	mu     sync.Mutex
	socket string // of the cluster
	fault  Fault
	pairs  map[*pair]bool
}

// Fault is what a Proxy does to connections, those that are open and those to come.
type Fault struct {
	Refuse    bool          // new connections are closed at once
	Blackhole bool          // nothing is passed on any more, either way
	Delay     time.Duration // before what the server says is passed on

	// The connection is cut after so many bytes of the client, or of the server, counted from now on. 0: never.
	CutAfter, CutAnswerAfter int

	// Answer is called with what the server says. If it returns false, the connection is cut, and the client gets nothing of it.
	Answer func(said []byte) bool
}

type pair struct {
	client, server net.Conn
	sent, said     int
}

func (p *pair) close() {
	p.client.Close()
	p.server.Close()
}

// Proxy starts one in front of the cluster, which passes everything on.
func (c *Cluster) Proxy(t testing.TB) *Proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{listener: listener, socket: c.socket(), pairs: map[*pair]bool{}}
	go p.accept()
	t.Cleanup(func() {
		listener.Close()
		p.Cut()
	})
	return p
}

// Through makes a URL of the cluster one that goes through the proxy.
func (p *Proxy) Through(t testing.TB, of string) string {
	t.Helper()
	u, err := url.Parse(of)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Del("host")
	q.Del("port")
	u.RawQuery, u.Host = q.Encode(), p.listener.Addr().String()
	return u.String()
}

// Set replaces the fault. The zero Fault is none. What was blackholed before stays silent, as it does in a network.
func (p *Proxy) Set(f Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault = f
	for pair := range p.pairs {
		pair.sent, pair.said = 0, 0
	}
}

// Move cuts all connections and leads to another cluster from now on.
func (p *Proxy) Move(to *Cluster) {
	p.mu.Lock()
	p.socket = to.socket()
	p.mu.Unlock()
	p.Cut()
}

// Cut cuts all connections.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for pair := range p.pairs {
		pair.close()
	}
}

func (p *Proxy) now() Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fault
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		go p.serve(client)
	}
}

func (p *Proxy) serve(client net.Conn) {
	defer client.Close()
	p.mu.Lock()
	refuse, socket := p.fault.Refuse, p.socket
	p.mu.Unlock()
	if refuse {
		return
	}
	server, err := net.Dial("unix", socket)
	if err != nil {
		return
	}
	pair := &pair{client: client, server: server}
	defer pair.close()
	p.mu.Lock()
	p.pairs[pair] = true
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.pairs, pair)
	}()
	go func() {
		defer pair.close()
		p.copy(client, server, func(sent []byte) (int, bool) { return p.count(&pair.sent, len(sent), p.now().CutAfter) })
	}()
	p.copy(server, client, func(said []byte) (int, bool) {
		f := p.now()
		time.Sleep(f.Delay)
		if f.Answer != nil && !f.Answer(said) {
			return 0, false
		}
		return p.count(&pair.said, len(said), f.CutAnswerAfter)
	})
}

// count adds n bytes to those that have been passed on, and returns how many more may be, and whether the connection lives on.
func (p *Proxy) count(passed *int, n, limit int) (pass int, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if limit > 0 && *passed+n >= limit {
		return limit - *passed, false
	}
	*passed += n
	return n, true
}

// copy passes on what comes from one side, as far as pass lets it.
func (p *Proxy) copy(from, to net.Conn, pass func([]byte) (int, bool)) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		if p.now().Blackhole {
			continue // lost for good
		}
		n, ok := pass(buffer[:n])
		if _, err := to.Write(buffer[:max(0, n)]); err != nil || !ok {
			return
		}
	}
}
