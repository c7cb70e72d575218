package server_test

import (
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/paddock-gate/paddock/internal/apptest"
	"github.com/paddock-gate/paddock/internal/fault"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
	"github.com/paddock-gate/paddock/internal/server"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

const drainLimit = 2 * time.Second

func TestMain(m *testing.M) {
	server.ShortenLimits(drainLimit)
	os.Exit(m.Run())
}

var hi = []*paddockv1.ChatMessage{{Role: "user", Content: "hi"}}

// TestShutdown: what runs may end, what does not end is ended, what is new is refused, and probes are told.
func TestShutdown(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.SQLite(t), nil)
	a.Upstream.Script("tiny-chat", ollamatest.Pace(20*time.Millisecond), ollamatest.Answer()) // half a second
	a.Upstream.Script("tiny-embed", ollamatest.Wait(500*time.Millisecond), ollamatest.Answer())
	clients := map[string]*apptest.Clients{
		"Connect": a.As(a.AdminKey), "gRPC": a.AsGRPC(a.AdminKey), "gRPC-Web": a.AsGRPCWeb(a.AdminKey),
	}
	type end struct {
		what string
		err  error
	}
	ended := make(chan end)
	for protocol, c := range clients {
		for _, model := range []string{"tiny-chat", "tiny-slow"} { // the latter never ends by itself
			stream, err := c.Ollama.Chat(t.Context(), &paddockv1.ChatRequest{Model: model, Messages: hi})
			if err != nil || !stream.Receive() {
				t.Fatal(protocol, model, err, stream.Err())
			}
			go func() {
				for stream.Receive() {
				}
				ended <- end{protocol + " " + model, stream.Err()}
			}()
		}
		go func() {
			_, err := c.Ollama.Embed(t.Context(), &paddockv1.EmbedRequest{Model: "tiny-embed", Input: []string{"x"}})
			ended <- end{protocol + " Embed", err}
		}()
	}
	for len(a.Upstream.To("/api/embed")) < len(clients) {
		time.Sleep(time.Millisecond)
	}

	stopped := make(chan error, 1)
	began := time.Now()
	go func() { stopped <- a.Stop() }()
	refusedWhileDraining(t, a)
	for range 3 * len(clients) {
		e := <-ended
		switch {
		case strings.Contains(e.what, "tiny-slow"):
			apptest.WantReason(t, e.err, fault.UpstreamUnavailable)
			if connect.CodeOf(e.err) != connect.CodeUnavailable || time.Since(began) < drainLimit {
				t.Errorf("%s: %v after %v", e.what, e.err, time.Since(began))
			}
		case e.err != nil:
			t.Errorf("%s: %v after %v", e.what, e.err, time.Since(began))
		}
	}
	if err := <-stopped; err != nil {
		t.Errorf("stopped with %v", err)
	}
	if took := time.Since(began); took > drainLimit+4*time.Second {
		t.Errorf("took %v", took)
	}
	if conn, err := net.Dial("tcp", strings.TrimPrefix(a.URL, "http://")); err == nil {
		conn.Close()
		t.Error("the port is still open")
	}
	if n := a.Upstream.Active(); n != 0 {
		t.Errorf("%d models still work", n)
	}
}

// refusedWhileDraining asks a server that drains until it tells so.
func refusedWhileDraining(t *testing.T, a *apptest.App) {
	t.Helper()
	fresh := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // a probe's connection
	get := func(path string) (status int, body string) {
		res, err := fresh.Get(a.URL + path)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		return res.StatusCode, string(b)
	}
	var status int
	var body string
	for deadline := time.Now().Add(drainLimit / 2); status != http.StatusServiceUnavailable && time.Now().Before(deadline); {
		status, body = get("/readyz")
	}
	if status != http.StatusServiceUnavailable || !strings.Contains(body, `"serving":"shutting down"`) {
		t.Errorf("readyz: %d %s", status, body)
	}
	if status, _ := get("/healthz"); status != http.StatusOK {
		t.Errorf("healthz: %d", status)
	}
	_, err := a.Admin().Users.ListRoles(t.Context(), &paddockv1.ListRolesRequest{})
	if apptest.WantReason(t, err, fault.UpstreamUnavailable); connect.CodeOf(err) != connect.CodeUnavailable {
		t.Errorf("a new call: %v", err)
	}
}

// TestAnIdleServerStopsAtOnce, and more than once does no harm.
func TestAnIdleServerStopsAtOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		a := apptest.Start(t, url, nil)
		a.NewPerson(t)
		began := time.Now()
		if err := a.Stop(); err != nil || time.Since(began) > drainLimit {
			t.Errorf("stopped with %v after %v", err, time.Since(began))
		}
	})
}

// TestATrickledBodyDoesNotHoldUpTheEnd of a server that shuts down.
func TestATrickledBodyDoesNotHoldUpTheEnd(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.SQLite(t), nil)
	conn, err := net.Dial("tcp", strings.TrimPrefix(a.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const head = "POST /paddock.v1.AuthService/Login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 16000\r\n\r\n{"
	if _, err := io.WriteString(conn, head); err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond)
	began := time.Now()
	_ = a.Stop() // which may well cut it off
	if took := time.Since(began); took > drainLimit+time.Second {
		t.Errorf("the server stopped after %v", took)
	}
}
