package apptest_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	h2 "golang.org/x/net/http2"

	"github.com/paddock-gate/paddock/internal/gen/paddock/v1/paddockv1connect"
)

// idler is a way to hold a connection and do nothing with it.
type idler struct {
	name string
	hold func(s *target, conn net.Conn) error
	ends time.Duration // after which the server has closed it
}

var idlers = []idler{
	{"silent", func(*target, net.Conn) error { return nil }, 10 * time.Second},
	{"half a request line", func(_ *target, c net.Conn) error {
		_, err := io.WriteString(c, "GET / HT")
		return err
	}, 10 * time.Second},
	{"half a header", func(_ *target, c net.Conn) error {
		_, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: localhost\r\nX-A: b")
		return err
	}, 10 * time.Second},
	{"half a preface", func(_ *target, c net.Conn) error {
		_, err := io.WriteString(c, h2.ClientPreface[:20])
		return err
	}, 20 * time.Second},
	{"half a body", func(_ *target, c net.Conn) error {
		_, err := fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{", paddockv1connect.AuthServiceLoginProcedure)
		return err
	}, 20 * time.Second},
	{"kept alive", func(_ *target, c net.Conn) error {
		if _, err := io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
			return err
		}
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			return err
		}
		return res.Body.Close()
	}, 90 * time.Second},
	{"HTTP/2", func(_ *target, c net.Conn) error {
		_, err := io.WriteString(c, h2.ClientPreface+"\x00\x00\x00\x04\x00\x00\x00\x00\x00")
		return err
	}, 90 * time.Second},
	{"HTTP/2, half a header block", func(s *target, c net.Conn) error {
		_, err := io.WriteString(c, h2.ClientPreface+"\x00\x00\x00\x04\x00\x00\x00\x00\x00"+"\x00\x00\x01\x01\x01\x00\x00\x00\x01\x82")
		return err
	}, 90 * time.Second},
}

// TestAttack_IdleConnections opens many connections that do nothing, of every kind: each takes little memory, others are served, and the
// server closes them when their time is over, which `make test` awaits of those alone that have sent no request. It fails without
// ReadHeaderTimeout or IdleTimeout.
func TestAttack_IdleConnections(t *testing.T) {
	t.Parallel()
	s := startTarget(t)
	before, peak := s.goroutines(t), s.memoryPeak(t)
	others := s.others(t)
	count := scale(504, 10_000)
	conns := make([]net.Conn, count)
	var dials sync.WaitGroup
	for first := range 8 {
		dials.Go(func() {
			for i := first; i < count; i += 8 {
				conn, err := net.Dial("tcp", s.address())
				if err != nil {
					t.Error(err)
					return
				}
				if conns[i] = conn; idlers[i%len(idlers)].hold(s, conn) != nil {
					t.Errorf("%s: closed at once", idlers[i%len(idlers)].name)
				}
			}
		})
	}
	dials.Wait()
	defer func() {
		for _, c := range conns {
			if c != nil {
				c.Close()
			}
		}
	}()
	if t.Failed() {
		return
	}
	each := float64(peak()) * 1024 / float64(count)
	t.Logf("%d connections, %.1f KiB each", count, each)
	if each > 64 {
		t.Errorf("each takes %.1f KiB", each)
	}
	closed := map[string]*atomic.Int64{}
	for _, k := range idlers {
		closed[k.name] = new(atomic.Int64)
	}
	var reads sync.WaitGroup
	for i, c := range conns {
		k := idlers[i%len(idlers)]
		if !fullProof() && k.ends > 10*time.Second {
			continue
		}
		reads.Go(func() {
			_ = c.SetReadDeadline(time.Now().Add(k.ends + patience))
			if _, err := io.Copy(io.Discard, c); err == nil || !strings.Contains(err.Error(), "timeout") {
				closed[k.name].Add(1)
			}
		})
	}
	reads.Wait()
	for _, k := range idlers {
		if n := closed[k.name].Load(); (fullProof() || k.ends <= 10*time.Second) && int(n) != count/len(idlers) {
			t.Errorf("%s: %d of %d closed", k.name, n, count/len(idlers))
		}
	}
	others.end()
	if fullProof() {
		s.wantReleased(t, before)
	}
}

// TestAttack_Slowloris sends headers and bodies a byte at a time, for ever: each ends.
func TestAttack_Slowloris(t *testing.T) {
	t.Parallel()
	if !fullProof() {
		t.Skip("slow headers and bodies: not run: `make soak` does")
	}
	s := startTarget(t)
	others, peak := s.others(t), s.memoryPeak(t)
	var all sync.WaitGroup
	for name, head := range map[string]string{
		"header": "GET / HTTP/1.1\r\nHost: localhost\r\nX-A: ",
		"login":  "POST " + paddockv1connect.AuthServiceLoginProcedure + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9999\r\n\r\n",
		"chunks": "POST " + paddockv1connect.AuthServiceLoginProcedure + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1;",
		"probe":  "POST /grpc.health.v1.Health/Check HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/grpc-web\r\nContent-Length: 9999\r\n\r\n",
		"page":   "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999999\r\n\r\n",
	} {
		for range 100 {
			conn := s.dial(t)
			all.Go(func() {
				go func() { _, _ = io.Copy(io.Discard, conn) }()
				began := time.Now()
				_, err := io.WriteString(conn, head)
				for ; err == nil && time.Since(began) < 3*time.Minute; time.Sleep(500 * time.Millisecond) {
					_, err = conn.Write([]byte{'a'})
				}
				if err == nil {
					t.Errorf("%s: it goes on after %s", name, time.Since(began))
				}
			})
		}
	}
	all.Wait()
	others.end()
	wantMemory(t, peak(), 256)
}
