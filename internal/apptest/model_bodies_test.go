package apptest_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/paddock-gate/paddock/internal/apptest"
	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

func gzipped(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := io.WriteString(w, text)
	must(t, err)
	must(t, w.Close())
	return b.Bytes()
}

func zstandard(t *testing.T, text string) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	must(t, err)
	return w.EncodeAll([]byte(text), nil)
}

// bomb returns a request of 200 MiB, which compresses to little. It is compressed in parts, since all at once takes the race detector long:
// parts in a row stand for what they stand for in a row.
func bomb(compress func(*testing.T, string) []byte, t *testing.T) []byte {
	t.Helper()
	b := compress(t, `{"model":"tiny-chat","messages":[],"x":"`)
	b = append(b, bytes.Repeat(compress(t, strings.Repeat(" ", 1<<20)), 200)...)
	return append(b, compress(t, `"}`)...)
}

// TestModelBodies_ContentCodings checks that gzip and zstd are decoded on the routes of models, for every caller; others are
// 415, and RPCs decode none.
func TestModelBodies_ContentCodings(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.SQLite(t), nil)
	ask := func(path, key, coding string, body []byte) (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.URL+path, bytes.NewReader(body))
		must(t, err)
		r.Header.Set("Content-Encoding", coding)
		r.Header.Set("Content-Type", "application/json")
		if key != "" {
			r.Header.Set("Authorization", "Bearer "+key)
		}
		res, err := http.DefaultClient.Do(r)
		must(t, err)
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		must(t, err)
		return res.StatusCode, string(text)
	}
	requests := map[string]string{
		"/api/chat":            `{"model":"tiny-chat","stream":false,"messages":[{"role":"user","content":"hi"}]}`,
		"/api/embed":           `{"model":"tiny-embed","input":"hi"}`,
		"/v1/chat/completions": `{"model":"tiny-chat","messages":[{"role":"user","content":"hi"}]}`,
		"/v1/responses":        `{"model":"tiny-chat","input":"hi"}`,
		"/v1/messages":         `{"model":"tiny-chat","max_tokens":99,"messages":[{"role":"user","content":"hi"}]}`,
	}
	bombs := map[string][]byte{"gzip": bomb(gzipped, t), "zstd": bomb(zstandard, t)}
	for path, body := range requests {
		_, want := ask(path, a.AdminKey, "identity", []byte(body))
		for coding, coded := range map[string][]byte{"gzip": gzipped(t, body), "zstd": zstandard(t, body)} {
			if status, got := ask(path, a.AdminKey, coding, coded); status != http.StatusOK || len(got) < len(want)/2 {
				t.Errorf("%s, %s: %d %s", path, coding, status, got)
			}
			if status, got := ask(path, "", coding, coded); status != http.StatusUnauthorized {
				t.Errorf("%s, %s, no key: %d %s", path, coding, status, got)
			}
			if status, got := ask(path, a.AdminKey, coding, []byte(body)); status != http.StatusBadRequest || !strings.Contains(got, "content coding") {
				t.Errorf("%s, %s of plain text: %d %s", path, coding, status, got)
			}
			began := time.Now()
			if status, got := ask(path, a.AdminKey, coding, bombs[coding]); status != http.StatusRequestEntityTooLarge || time.Since(began) > 20*time.Second {
				t.Errorf("%s, a bomb of %s: %d %s after %v", path, coding, status, got, time.Since(began))
			}
		}
		for _, coding := range []string{"br", "deflate", "gzip, zstd", "x"} {
			if status, got := ask(path, a.AdminKey, coding, []byte(body)); status != http.StatusUnsupportedMediaType || !strings.Contains(got, "gzip, zstd or none") {
				t.Errorf("%s, %s: %d %s", path, coding, status, got)
			}
		}
	}
	if status, got := ask("/paddock.v1.OllamaService/Embed", a.AdminKey, "gzip", gzipped(t, `{"input":["x"]}`)); status != http.StatusNotImplemented {
		t.Errorf("an RPC: %d %s", status, got)
	}
}

// TestModelBodies_RefusalReachesWriter checks that a client that reads no answer before it has written all of its body, as
// Python's http.client does, gets to read why it is refused.
func TestModelBodies_RefusalReachesWriter(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.SQLite(t), apptest.Env{"MAX_MODEL_BODY": "8MiB"})
	for _, c := range []struct {
		name, path, key string
		chunked         bool
		size, status    int
	}{
		{"too large", "/api/chat", a.AdminKey, false, 8<<20 + 1, 413},
		{"too large, chunked", "/v1/messages", a.AdminKey, true, 12 << 20, 413},
		{"no key", "/v1/chat/completions", "", false, 8 << 20, 401},
		{"no such route", "/v1/files", a.AdminKey, false, 12 << 20, 404},
		{"no such method", "/api/tags", a.AdminKey, false, 12 << 20, 405},
		{"a slash too many", "//v1/chat/completions", a.AdminKey, false, 12 << 20, 307},
		{"a wrong base URL", "/chat/completions", a.AdminKey, false, 12 << 20, 400},
		{"no such page", "/nothing", a.AdminKey, false, 12 << 20, 404},
		{"an RPC", "/paddock.v1.UserService/GetUser", a.AdminKey, false, 3 << 20, 429},
	} {
		for range 5 {
			conn, err := net.Dial("tcp", strings.TrimPrefix(a.URL, "http://"))
			must(t, err)
			must(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
			head := "POST " + c.path + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAuthorization: Bearer " + c.key + "\r\n"
			body := bytes.Repeat([]byte{' '}, c.size)
			if c.chunked {
				head += "Transfer-Encoding: chunked\r\n\r\n"
				body = append(fmt.Appendf(nil, "%x\r\n", c.size), append(body, "\r\n0\r\n\r\n"...)...)
			} else {
				head += fmt.Sprintf("Content-Length: %d\r\n\r\n", c.size)
			}
			if _, err := conn.Write(append([]byte(head), body...)); err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil || res.StatusCode != c.status {
				t.Errorf("%s: %v, %v, want %d", c.name, res, err, c.status)
			}
			if err == nil {
				res.Body.Close()
			}
			conn.Close()
		}
	}
}

// TestModelBodies_Large checks that a photo and 5,000 texts go through each dialect unchanged. `make test`, where the race detector makes
// large bodies slow, has a photo of 12 MiB in one of them, and one of 2 MiB in the others.
func TestModelBodies_Large(t *testing.T) {
	t.Parallel()
	models := ollamatest.New()
	upstreamBodies := make(chan string, 1)
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost { // a question of Paddock's own
			models.ServeHTTP(w, r)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		upstreamBodies <- string(body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		models.ServeHTTP(w, r)
	}))
	t.Cleanup(upstream.Close)
	a := apptest.Start(t, storetest.SQLite(t), apptest.Env{"OLLAMA_BASE_URL": upstream.URL})
	random := make([]byte, 12<<20)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(random)
	large := base64.StdEncoding.EncodeToString(random)
	photo := base64.StdEncoding.EncodeToString(random[:scale(2<<20, 12<<20)])
	url := `"data:image/png;base64,` + photo + `"`
	texts := `["` + strings.Repeat(`some text","`, 5000) + `last"]`
	for path, body := range map[string]string{
		"/api/chat":            `{"model":"tiny-chat","stream":false,"messages":[{"role":"user","content":"hi","images":["` + large + `"]}]}`,
		"/api/generate":        `{"model":"tiny-chat","stream":false,"prompt":"hi","images":["` + photo + `"]}`,
		"/v1/chat/completions": `{"model":"tiny-chat","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":` + url + `}}]}]}`,
		"/v1/responses":        `{"model":"tiny-chat","input":[{"role":"user","content":[{"type":"input_image","image_url":` + url + `}]}]}`,
		"/v1/messages":         `{"model":"tiny-chat","max_tokens":9,"messages":[{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"` + photo + `"}}]}]}`,
		"/api/embed":           `{"model":"tiny-embed","input":` + texts + `}`,
		"/v1/embeddings":       `{"model":"tiny-embed","input":` + texts + `}`,
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.URL+path, strings.NewReader(body))
		must(t, err)
		r.Header.Set("Authorization", "Bearer "+a.AdminKey)
		res, err := http.DefaultClient.Do(r)
		must(t, err)
		answer, err := io.ReadAll(res.Body)
		res.Body.Close()
		// A model without vision may say so.
		if must(t, err); res.StatusCode != http.StatusOK && res.StatusCode != http.StatusBadRequest && res.StatusCode != http.StatusInternalServerError {
			t.Errorf("%s: %d %.300s", path, res.StatusCode, answer)
		}
		select {
		case sent := <-upstreamBodies:
			if image := map[bool]string{false: photo, true: large}[path == "/api/chat"]; !strings.Contains(sent, image) && !strings.Contains(sent, texts) {
				t.Errorf("%s: %d bytes went upstream, %.200s", path, len(sent), sent)
			}
		default:
			t.Errorf("%s: nothing went upstream: %d %.300s", path, res.StatusCode, answer)
		}
	}
}
