package apptest_test

import (
	"cmp"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// TestUpstreamErrors_EveryProtocol checks that a failing upstream is reported as the contract says, in every protocol, and
// never as a clean end.
func TestUpstreamErrors_EveryProtocol(t *testing.T) {
	t.Parallel()
	piece := ollamatest.Say("Once", " upon")
	for _, c := range []struct {
		name  string
		steps []ollamatest.Step
		model string
		want  apierr.Reason
		said  string
	}{
		{"no such model", nil, "no-such-model", apierr.ModelNotFound, ""},
		{"embedding model", nil, "tiny-embed", apierr.InvalidArgument, ""},
		{"no model's name", nil, "../../etc/passwd", apierr.InvalidArgument, ""},
		{"status 500", []ollamatest.Step{ollamatest.Status(500, "llama runner at /usr/lib/ollama died: 10.0.0.3:1234")}, "tiny-chat", apierr.UpstreamError, ""},
		{"queue full", []ollamatest.Step{ollamatest.QueueFull()}, "tiny-chat", apierr.UpstreamUnavailable, ""},
		{"cut at once", []ollamatest.Step{ollamatest.Cut()}, "tiny-chat", apierr.UpstreamUnavailable, ""},
		{"cut mid-way", []ollamatest.Step{piece, ollamatest.Cut()}, "tiny-chat", apierr.UpstreamUnavailable, "Once upon"},
		{"error line mid-way", []ollamatest.Step{piece, ollamatest.Fail("an error at /root/.ollama/models was encountered")}, "tiny-chat", apierr.UpstreamError, "Once upon"},
		{"ends without done", []ollamatest.Step{piece}, "tiny-chat", apierr.UpstreamError, "Once upon"},
		{"nonsense", []ollamatest.Step{piece, ollamatest.Line("{nonsense")}, "tiny-chat", apierr.UpstreamError, "Once upon"},
		{"an endless line", []ollamatest.Step{piece, ollamatest.Raw(strings.Repeat("x", 2<<20))}, "tiny-chat", apierr.UpstreamError, "Once upon"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := apptest.Start(t, storetest.SQLite(t), nil)
			a.Upstream.Script("tiny-chat", c.steps...)
			for protocol, s := range speakers(a, a.AdminKey) {
				stream, err := s.Ollama.Chat(t.Context(), &paddockv1.ChatRequest{Model: c.model, Messages: hi})
				must(t, err)
				said := ""
				for stream.Receive() {
					said += stream.Msg().GetContent()
				}
				err = stream.Err()
				if said != c.said || apptest.Reason(err) != c.want {
					t.Errorf("%s: said %q, then %v; want %q, then %s", protocol, said, err, c.said, c.want)
				}
				wantToldProperly(t, err)
				for _, inside := range []string{"/usr", "/root", "10.0.0.3"} {
					if err != nil && strings.Contains(err.Error(), inside) {
						t.Errorf("%s: tells of the inside: %v", protocol, err)
					}
				}
			}
		})
	}
}

// TestOllama_Unavailable checks that an unavailable Ollama is reported within two seconds beyond its connect time-out, that
// everything else works, and that calls recover by themselves.
func TestOllama_Unavailable(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.SQLite(t), nil)
	a.Upstream.Stop()
	for range 10 { // with the circuit breaker closed, half-open and open
		for protocol, c := range speakers(a, a.AdminKey) {
			began := time.Now()
			_, listed := c.Ollama.ListModels(t.Context(), &paddockv1.ListModelsRequest{})
			_, embedded := c.Ollama.Embed(t.Context(), &paddockv1.EmbedRequest{Model: "tiny-embed", Input: []string{"x"}})
			stream, chatted := c.Ollama.Chat(t.Context(), &paddockv1.ChatRequest{Model: "tiny-chat", Messages: hi})
			if chatted == nil {
				stream.Receive()
				chatted = stream.Err()
			}
			if took := time.Since(began); took > 4*time.Second {
				t.Errorf("%s: three calls took %v", protocol, took)
			}
			for _, err := range []error{listed, embedded, chatted} {
				apptest.WantReason(t, err, apierr.UpstreamUnavailable)
				wantToldProperly(t, err)
			}
		}
	}
	_, err := a.Admin().Users.CreateUser(t.Context(), &paddockv1.CreateUserRequest{Email: "meanwhile@example.com"})
	must(t, err)
	a.Upstream.Resume(t)
	for deadline := time.Now().Add(15 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		if _, err = a.Admin().Ollama.ListModels(t.Context(), &paddockv1.ListModelsRequest{}); err == nil || time.Now().After(deadline) {
			break
		}
	}
	if err != nil {
		t.Errorf("not healed: %v", err)
	}
}

// TestUpstreamRequest_NoCallerData checks that nothing of the caller goes upstream but what the contract passes on.
func TestUpstreamRequest_NoCallerData(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.SQLite(t), nil)
	header := bearerOf(a.AdminKey)
	for name, value := range map[string]string{
		"Cookie": "paddock_refresh=canary", "X-Canary": "canary", "X-Forwarded-For": "198.51.100.7", "Origin": "https://canary.example",
		"Referer": "https://canary.example", "User-Agent": "canary", "X-Request-Id": "canary", "Traceparent": "00-canary",
	} {
		header.Set(name, value)
	}
	for procedure, body := range map[string]string{
		"/paddock.v1.OllamaService/ListModels": `{}`,
		"/paddock.v1.OllamaService/Embed":      `{"model":"TINY-EMBED","input":["x"]}`,
	} {
		if got := send(t, http.MethodPost, a.URL+procedure, header, body); got.StatusCode != http.StatusOK {
			t.Errorf("%s: %d %s", procedure, got.StatusCode, got.body)
		}
	}
	header.Set("Content-Type", "application/connect+json")
	chat := `{"model":"tiny-chat","messages":[{"role":"user","content":"hi"}]}`
	send(t, http.MethodPost, a.URL+"/paddock.v1.OllamaService/Chat", header, "\x00\x00\x00\x00"+string(rune(len(chat)))+chat)
	if len(a.Upstream.To("/api/chat")) != 1 {
		t.Error("no chat went upstream")
	}
	for _, r := range a.Upstream.Requests() {
		for name, values := range r.Header {
			if joined := strings.Join(values, " "); strings.Contains(joined, "canary") || strings.Contains(joined, a.AdminKey) || strings.Contains(joined, "198.51") {
				t.Errorf("%s got %s: %s", r.Path, name, joined)
			}
		}
		if strings.Contains(string(r.Body), "canary") || strings.Contains(string(r.Body), "TINY") {
			t.Errorf("%s got %s", r.Path, r.Body)
		}
	}
}

// TestOllama_ConnectTimeout checks an Ollama whose connections are neither refused nor accepted, as behind a firewall that
// drops packets.
func TestOllama_ConnectTimeout(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.SQLite(t), apptest.Env{"OLLAMA_BASE_URL": "http://" + silentAddress(t), "OLLAMA_CONNECT_TIMEOUT": "300ms"})
	for range 6 {
		began := time.Now()
		_, err := a.Admin().Ollama.Embed(t.Context(), &paddockv1.EmbedRequest{Model: "tiny-embed", Input: []string{"x"}})
		apptest.WantReason(t, err, apierr.UpstreamUnavailable)
		if took := time.Since(began); took > 2300*time.Millisecond {
			t.Errorf("told after %v", took)
		}
	}
}

// silentAddress is one where connections are neither accepted nor refused: the queue of those that wait to be is full.
func silentAddress(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	must(t, err)
	t.Cleanup(func() { syscall.Close(fd) })
	must(t, syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	must(t, syscall.Listen(fd, 0))
	name, err := syscall.Getsockname(fd)
	must(t, err)
	bound, ok := name.(*syscall.SockaddrInet4)
	if !ok {
		t.Fatalf("bound to %v", name)
	}
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(bound.Port))
	for range 16 {
		waiting, err := net.DialTimeout("tcp", address, 200*time.Millisecond)
		if err != nil {
			return address
		}
		t.Cleanup(func() { waiting.Close() })
	}
	t.Fatal("the queue does not fill")
	return ""
}

// TestUpstreamStatus_EveryRoute checks that RPCs and stock routes map an upstream's status alike.
func TestUpstreamStatus_EveryRoute(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.SQLite(t), nil)
	for _, c := range []struct {
		status  int
		said    string
		reason  apierr.Reason // over RPC
		told    int           // under /api
		message string        // in both; "" is the upstream's
	}{
		{400, "does not fit", apierr.InvalidArgument, 400, ""},
		{401, "unauthorized", apierr.UpstreamError, 503, "the model server refused the request"},
		{403, "forbidden", apierr.UpstreamError, 503, "the model server refused the request"},
		{404, "model 'tiny-chat' not found", apierr.ModelNotFound, 404, ""},
		{404, "", apierr.NotFoundReason, 404, "the model server does not serve this path"},
		{500, "llama runner has died", apierr.UpstreamError, 500, ""},
		{502, "bad gateway", apierr.UpstreamUnavailable, 503, "the model server cannot be reached"},
		{503, "", apierr.UpstreamUnavailable, 503, "the model server is busy"},
	} {
		a.Upstream.Script("tiny-chat", ollamatest.Status(c.status, c.said))
		message := cmp.Or(c.message, c.said)
		stream, err := a.Admin().Ollama.Chat(t.Context(), &paddockv1.ChatRequest{Model: "tiny-chat", Messages: hi})
		must(t, err)
		for stream.Receive() {
			t.Errorf("%d: a piece", c.status)
		}
		apptest.WantReason(t, stream.Err(), c.reason)
		if said := stream.Err().Error(); !strings.HasSuffix(said, message) {
			t.Errorf("%d %s: over RPC: %s", c.status, c.said, said)
		}
		stream.Close()
		if got := askGateway(t, a, "POST", "/api/chat", a.AdminKey, gatewayCalls["/api/chat"].body); got.StatusCode != c.told || !strings.Contains(got.body, message) {
			t.Errorf("%d %s: under /api: %d %s", c.status, c.said, got.StatusCode, got.body)
		}
	}
}
