package apptest_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/gen/paddock/v1/paddockv1connect"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// The benchmarks measure what docs/CONTRIBUTING.md promises: ours and its floor in turns, in one run, at the client, so
// that only the ratio means anything and a busy machine hurts both. `make bench` runs them.

const (
	rounds    = 7
	roundTime = 700 * time.Millisecond
	clients   = 16
)

// compare measures both in turns and reports the medians: of ours, of the floor's, and of ours over the floor's in the
// same round. Each function runs for about roundTime and returns how many per second.
func compare(b *testing.B, ours, floor func() float64) {
	b.Helper()
	var os, fs, rs []float64
	ours()
	floor()
	for i := range rounds {
		var o, f float64
		if i%2 == 0 {
			o, f = ours(), floor()
		} else {
			f, o = floor(), ours()
		}
		os, fs, rs = append(os, o), append(fs, f), append(rs, o/f)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(os), "ours/s")
	b.ReportMetric(median(fs), "floor/s")
	b.ReportMetric(median(rs), "x-floor")
}

func median(xs []float64) float64 {
	slices.Sort(xs)
	return xs[len(xs)/2]
}

// load sends the request over and over on keep-alive connections and returns the answers per second. It does as little
// as a client can, since its work is shared out to ours and the floor alike.
func load(b *testing.B, base, request, wantStatus string) float64 {
	b.Helper()
	return loadAt(b, base, wantStatus, clients, request)
}

// loadAt is load with so many connections, which send the requests in turn.
func loadAt(b *testing.B, base, wantStatus string, clients int, requests ...string) float64 {
	b.Helper()
	address := strings.TrimPrefix(base, "http://")
	var done sync.WaitGroup
	counts := make([]int, clients)
	var next atomic.Int64
	stop := time.Now().Add(roundTime)
	began := time.Now()
	for i := range clients {
		done.Go(func() {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				b.Error(err)
				return
			}
			defer conn.Close()
			r := bufio.NewReader(conn)
			for time.Now().Before(stop) {
				request := requests[int(next.Add(1))%len(requests)]
				if _, err := io.WriteString(conn, request); err != nil {
					b.Error(err)
					return
				}
				if err := skipAnswer(r, wantStatus); err != nil {
					b.Error(err)
					return
				}
				counts[i]++
			}
		})
	}
	done.Wait()
	sum := 0
	for _, n := range counts {
		sum += n
	}
	return float64(sum) / time.Since(began).Seconds()
}

func skipAnswer(r *bufio.Reader, wantStatus string) error {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.Contains(line, []byte(wantStatus)) {
		return fmt.Errorf("answer %q, want %s", line, wantStatus)
	}
	length, chunked := 0, false
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) <= 2 {
			break
		}
		chunked = chunked || bytes.HasPrefix(line, []byte("Transfer-Encoding: chunked"))
		if n, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(n))); err != nil {
				return err
			}
		}
	}
	if chunked {
		if _, err := io.Copy(io.Discard, httputil.NewChunkedReader(r)); err != nil {
			return err
		}
		length = len("\r\n")
	}
	_, err = r.Discard(length)
	return err
}

func post(path, credential, body string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s",
		path, credential, len(body), body)
}

const whoAmI = paddockv1connect.AuthServiceWhoAmIProcedure

// bareAuth is a connect-go handler that does nothing but answer.
type bareAuth struct {
	paddockv1connect.UnimplementedAuthServiceHandler
	answer *paddockv1.WhoAmIResponse
}

func (s bareAuth) WhoAmI(context.Context, *paddockv1.WhoAmIRequest) (*paddockv1.WhoAmIResponse, error) {
	return s.answer, nil
}

// BenchmarkWhoAmI: must 0.45 of a bare handler on SQLite and 0.28 on PostgreSQL, aim 0.6 and 0.33.
func BenchmarkWhoAmI(b *testing.B) {
	for _, database := range []struct {
		name string
		url  func(testing.TB) string
	}{{"sqlite", storetest.SQLite}, {"postgres", storetest.PostgreSQL}} {
		a := apptest.Start(b, database.url(b), nil)
		answer, err := a.Admin().Auth.WhoAmI(b.Context(), &paddockv1.WhoAmIRequest{})
		if err != nil {
			b.Fatal(err)
		}
		mux := http.NewServeMux()
		mux.Handle(paddockv1connect.NewAuthServiceHandler(bareAuth{answer: answer}))
		bare := httptest.NewServer(mux)
		b.Cleanup(bare.Close)
		token := a.Login(b, apptest.AdminEmail, apptest.AdminPassword).GetAccessToken()
		for _, credential := range []struct{ kind, value string }{{"key", a.AdminKey}, {"session", token}} {
			b.Run(database.name+"/"+credential.kind, func(b *testing.B) {
				request := post(whoAmI, credential.value, "{}")
				compare(b,
					func() float64 { return load(b, a.URL, request, "200") },
					func() float64 { return load(b, bare.URL, request, "200") },
				)
			})
		}
	}
}

// BenchmarkInvalidKey: must 0.7 of what a bare reverse proxy with a table of keys needs to refuse one, aim 0.85.
func BenchmarkInvalidKey(b *testing.B) {
	a := apptest.Start(b, storetest.SQLite(b), nil)
	floor := httptest.NewServer(referenceProxy(a.Upstream.URL))
	b.Cleanup(floor.Close)
	for name, key := range map[string]string{
		"malformed": strings.Repeat("x", 66),
		"checksum":  a.AdminKey[:len(a.AdminKey)-1] + "_",
	} {
		b.Run(name, func(b *testing.B) {
			request := post(whoAmI, key, "{}")
			compare(b,
				func() float64 { return load(b, a.URL, request, "401") },
				func() float64 { return load(b, floor.URL, request, "401") },
			)
		})
	}
}

// referenceProxy is the least that a gateway on net/http can be: one map of SHA-256 sums and one bucket. It reads bodies
// first: passed through while they come, they make some answers fail (golang/go#40747).
func referenceProxy(upstream string) http.Handler {
	target, _ := url.Parse(upstream)
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.Transport = &http.Transport{MaxIdleConnsPerHost: 5000, DisableCompression: true}
	proxy.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug) // streams that the benchmark has seen enough of
	keys := map[[sha256.Size]byte]bool{sha256.Sum256([]byte("Bearer right")): true}
	bucket := rate.NewLimiter(rate.Inf, 1)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !keys[sha256.Sum256([]byte(r.Header.Get("Authorization")))] {
			http.Error(w, `{"error":"unauthorized"}`, http.StatusUnauthorized)
			return
		}
		if !bucket.Allow() {
			http.Error(w, `{"error":"slow down"}`, http.StatusTooManyRequests)
			return
		}
		body := make([]byte, max(r.ContentLength, 0))
		if _, err := io.ReadFull(r.Body, body); err != nil {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		proxy.ServeHTTP(w, r)
	})
}
