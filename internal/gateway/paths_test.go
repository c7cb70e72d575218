package gateway_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
)

// ask sends a request line as it is, and returns the answer's status and where it leads.
func (b *bench) ask(t testing.TB, line string) (status int, location string) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(b.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "%s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", line)
	method, _, _ := strings.Cut(line, " ")
	answer, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	defer answer.Body.Close()
	return answer.StatusCode, answer.Header.Get("Location")
}

// TestPaths_ExtraSlashes checks that extra slashes are redirected as Ollama does, by the same method and with the query, and
// never to another server.
func TestPaths_ExtraSlashes(t *testing.T) {
	b := start(t, ollamatest.Start(t))
	for _, c := range []struct {
		line, want string
		status     int
	}{
		{"POST //api/chat", "/api/chat", 307},
		{"POST /api//chat", "/api/chat", 307},
		{"POST /api/chat/", "/api/chat", 307},
		{"POST ////api////chat////", "/api/chat", 307},
		{"POST /v1//chat/completions", "/v1/chat/completions", 307},
		{"POST /v1/chat/completions/", "/v1/chat/completions", 307},
		{"POST //v1//messages/?beta=true", "/v1/messages?beta=true", 307},
		{"POST //api/chat?to=//evil.example/", "/api/chat?to=//evil.example/", 307},
		{"PUT /api/chat/", "/api/chat", 307},
		{"OPTIONS /api/chat/", "/api/chat", 307},
		{"GET //api/tags", "/api/tags", 301},
		{"HEAD /api/tags/", "/api/tags", 301},
		{"GET /v1/models/", "/v1/models", 301},
		{"GET /v1//models/tiny-chat", "/v1/models/tiny-chat", 301},
		{"GET //v1/models/hf.co%2Forg%2Fmodel:tag/", "/v1/models/hf.co%2Forg%2Fmodel:tag", 301},
		{"GET /v1/models//hf.co/org/a%20model", "/v1/models/hf.co/org/a%20model", 301},
		{"GET http://evil.example//api/tags", "/api/tags", 301},
		{"GET //api/nothing//evil.example", "/api/nothing/evil.example", 301},
		{"GET /api//%5cevil.example", "", 404},
		{"GET //evil.example/api/tags", "/evil.example/api/tags", 307}, // by the mux: it is no path of ours
		{"GET //evil.example/../api/tags", "", 404},
	} {
		status, location := b.ask(t, c.line)
		if status != c.status || location != c.want {
			t.Errorf("%s: %d to %q, want %d to %q", c.line, status, location, c.status, c.want)
		}
		if location != "" && (location[0] != '/' || strings.HasPrefix(location, "//")) {
			t.Errorf("%s: leads to another server: %q", c.line, location)
		}
	}
	if all := b.Upstream.Requests(); len(all) > 0 {
		t.Errorf("%s %s went upstream", all[0].Method, all[0].Path)
	}
}

// TestPaths_SlashesInModelName checks that a model's name may hold slashes and escapes in the path of OpenAI's clients.
func TestPaths_SlashesInModelName(t *testing.T) {
	b := start(t, ollamatest.Start(t))
	for path, want := range map[string]int{
		"/v1/models/tiny-chat":                  200,
		"/v1/models/tiny%2Dchat":                200,
		"/v1/models/tiny-chat%3Alatest":         200,
		"/v1/models/library/tiny-chat":          200,
		"/v1/models/library%2Ftiny-chat:latest": 200,
		"/v1/models/hf.co%2Forg%2Fmodel:tag":    404,
		"/v1/models/hf.co/org/model:tag":        404,
		"/v1/models/tiny-chat%2F":               400,
		"/v1/models/%2Ftiny-chat":               400,
		"/v1/models/library%2F%2Ftiny-chat":     400,
		"/v1/models/%2E%2E%2Fmodels":            404,
	} {
		if status, _ := b.ask(t, "GET "+path); status != want {
			t.Errorf("%s: %d, want %d", path, status, want)
		}
	}
}
