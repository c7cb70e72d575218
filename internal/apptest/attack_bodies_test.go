package apptest_test

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/gateway"
	"github.com/paddock-gate/paddock/internal/gen/paddock/v1/paddockv1connect"
)

// TestAttack_HeaderBombs sends headers that are too large over HTTP/1: each is refused, or cut off, after little of it has been read.
func TestAttack_HeaderBombs(t *testing.T) {
	t.Parallel()
	s := startTarget(t)
	line := "X-Filler: " + strings.Repeat("a", 8<<10) + "\r\n"
	for name, c := range map[string]struct {
		head, endless string
		want          string
	}{
		"one header":           {"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-A: ", strings.Repeat("a", 8<<10), "431"},
		"many headers":         {"GET /healthz HTTP/1.1\r\nHost: localhost\r\n", line, "431"},
		"small headers":        {"GET /healthz HTTP/1.1\r\nHost: localhost\r\n", strings.Repeat("a:\r\n", 2<<10), "431"},
		"folded":               {"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-A: b\r\n", strings.Repeat(" a\r\n", 2<<10), "4"},
		"request line":         {"GET /", strings.Repeat("a", 8<<10), "431"},
		"trailers":             {"POST /paddock.v1.AuthService/Login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nTrailer: X-Filler\r\n\r\n2\r\n{}\r\n0\r\n", line, "4"},
		"a chunk's extensions": {"POST /paddock.v1.AuthService/Login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2;", strings.Repeat("a=b;", 2<<10), "4"},
	} {
		t.Run(name, func(t *testing.T) {
			others, peak := s.others(t), s.memoryPeak(t)
			var all sync.WaitGroup
			for range scale(4, 200) {
				conn := s.dial(t)
				all.Go(func() {
					answer := make(chan string, 1)
					go func() {
						text, _ := bufio.NewReader(conn).ReadString('\n')
						answer <- text
					}()
					_ = conn.SetDeadline(time.Now().Add(patience))
					_, err := io.WriteString(conn, c.head)
					sent := 0
					for ; err == nil && sent < 64<<20; sent += len(c.endless) {
						_, err = io.WriteString(conn, c.endless)
					}
					if got := <-answer; got != "" && !strings.HasPrefix(got, "HTTP/1.1 "+c.want) {
						t.Errorf("answered %q", got)
					}
					if err == nil || sent > 32<<20 { // of which most is in the kernels
						t.Errorf("%d bytes were taken", sent)
					}
				})
			}
			all.Wait()
			others.end()
			wantMemory(t, peak(), 64)
		})
	}
}

// takers returns the paths of all routes of stock clients that take bodies.
func takers() (paths []string) {
	for _, r := range gateway.New(nil, nil, nil, nil, gateway.Options{MaxBody: 1 << 20}).Routes() {
		if r.Method == http.MethodPost && r.MaxBody > 0 {
			paths = append(paths, r.Pattern)
		}
	}
	return paths
}

// attackWith sends a body of the content coding to the path, and returns the status and the answer.
func (s *target) attackWith(t testing.TB, path, key, coding string, body []byte) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+path, bytes.NewReader(body))
	must(t, err)
	req.Header = bearerOf(key)
	req.Header.Set("Content-Type", "application/json")
	if coding != "" {
		req.Header.Set("Content-Encoding", coding)
	}
	res, err := http1.Do(req)
	must(t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	must(t, err)
	return res.StatusCode, string(text)
}

// TestAttack_CompressedBodies sends every route that takes a body what becomes large or costs much when it is decoded: it is refused, and
// what counts is the size after decoding. RPCs decode nothing, and neither does anybody without a key. It fails when the limit counts the
// bytes that were sent.
func TestAttack_CompressedBodies(t *testing.T) {
	t.Parallel()
	s := startTarget(t, "MAX_MODEL_BODY=1MiB")
	zeros := strings.Repeat("\x00", 8<<20)
	text := `{"model":"tiny-chat","x":"` + strings.Repeat("0123456789abcdef0123456789", 60_000) + `"}` // not much of a ratio, but too large
	bomb := map[string][]byte{"gzip": gzipped(t, zeros), "zstd": zstandard(t, zeros)}
	type hostileBody struct {
		coding string
		body   []byte
		status int
	}
	bodies := map[string]hostileBody{
		"gzip, once":               {"gzip", bomb["gzip"], http.StatusRequestEntityTooLarge},
		"zstd, once":               {"zstd", bomb["zstd"], http.StatusRequestEntityTooLarge},
		"gzip, text":               {"gzip", gzipped(t, text), http.StatusRequestEntityTooLarge},
		"zstd, text":               {"zstd", zstandard(t, text), http.StatusRequestEntityTooLarge},
		"gzip, 100 members":        {"gzip", bytes.Repeat(bomb["gzip"], 100), http.StatusRequestEntityTooLarge},
		"zstd, 1,000 frames":       {"zstd", bytes.Repeat(bomb["zstd"], 1000), http.StatusRequestEntityTooLarge},
		"gzip in gzip":             {"gzip", gzipped(t, string(bomb["gzip"])), http.StatusBadRequest},
		"gzip, members of nothing": {"gzip", bytes.Repeat(gzipped(t, ""), 40_000), http.StatusBadRequest},
		"zstd, frames of nothing":  {"zstd", bytes.Repeat([]byte{0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0}, 100_000), http.StatusBadRequest},
		"zstd, a window of 2 TiB":  {"zstd", []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xf8, 0x01, 0x00, 0x00}, http.StatusBadRequest},
	}
	others, peak := s.others(t), s.memoryPeak(t)
	for name, c := range bodies {
		for _, path := range takers() {
			status, got := s.attackWith(t, path, s.key, c.coding, c.body)
			if want := c.status; status != want && status != http.StatusRequestEntityTooLarge {
				t.Errorf("%s to %s: %d %.200s, want %d", name, path, status, got, want)
			}
			if status, got := s.attackWith(t, path, "", c.coding, c.body); status != http.StatusUnauthorized {
				t.Errorf("%s to %s without a key: %d %.200s", name, path, status, got)
			}
		}
		for _, m := range methods(t) {
			if status, got := s.attackWith(t, m.procedure(), s.key, c.coding, c.body); status < 400 || status == http.StatusInternalServerError {
				t.Errorf("%s to %s: %d %.200s", name, m.procedure(), status, got)
			}
		}
	}
	var all sync.WaitGroup
	for range 8 { // at once
		all.Go(func() {
			for _, path := range takers() {
				s.attackWith(t, path, s.key, "gzip", bodies["gzip, 100 members"].body)
			}
		})
	}
	all.Wait()
	others.end()
	wantMemory(t, peak(), 256)
}

// TestAttack_DeepJSON sends every route and every RPC JSON that is as deep as its size allows: it is refused, or served.
func TestAttack_DeepJSON(t *testing.T) {
	t.Parallel()
	s := startTarget(t)
	others, peak := s.others(t), s.memoryPeak(t)
	nest := func(before, open, within, shut, after string, n int) string {
		return before + strings.Repeat(open, n) + within + strings.Repeat(shut, n) + after
	}
	for name, body := range map[string]func(n int) string{
		"arrays":       func(n int) string { return nest("", "[", "", "]", "", n) },
		"objects":      func(n int) string { return nest("", `{"a":`, "1", "}", "", n/6) },
		"never closed": func(n int) string { return nest("", "[", "", "", "", n) },
		"in messages":  func(n int) string { return nest(`{"model":"tiny-chat","messages":`, "[", "", "]", "}", n/2) },
		"in a tool": func(n int) string {
			return nest(`{"model":"tiny-chat","messages":[{"role":"user","content":"hi"}],"tools":[{"type":"function","function":{"name":"f","parameters":`, `{"a":`, "1", "}", "}}]}", n/6)
		},
		"in a field of no": func(n int) string {
			return nest(`{"model":"tiny-chat","prompt":"hi","input":"hi","nothing":`, "[", "", "]", "}", n/2)
		},
	} {
		for _, path := range takers() {
			if status, got := s.attackWith(t, path, s.key, "", []byte(body(scale(256<<10, 60<<20)))); status >= 500 {
				t.Errorf("%s to %s: %d %.200s", name, path, status, got)
			}
		}
		for _, m := range methods(t) {
			for _, n := range []int{15 << 10, 60 << 10, 3 << 20} { // the limits of services
				if n > 64<<10 && m.Parent().FullName() != paddockv1connect.OllamaServiceName {
					continue
				}
				status, got := s.attackWith(t, m.procedure(), s.key, "", []byte(body(n)))
				if status < 400 || status == http.StatusInternalServerError {
					t.Errorf("%s to %s: %d %.200s", name, m.procedure(), status, got)
				}
			}
		}
	}
	others.end()
	wantMemory(t, peak(), scale(192, 800))
}
