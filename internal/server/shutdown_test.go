package server_test

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
	"github.com/paddock-gate/paddock/internal/server"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

var hi = []*paddockv1.ChatMessage{{Role: "user", Content: "hi"}}

// protocols returns the admin's clients.
func protocols(a *apptest.App) map[string]*apptest.Clients {
	return map[string]*apptest.Clients{
		"Connect": a.As(a.AdminKey), "gRPC": a.AsGRPC(a.AdminKey), "gRPC-Web": a.AsGRPCWeb(a.AdminKey),
	}
}

// begin begins a streamed chat, and sends how it ends.
func begin(t *testing.T, c *apptest.Clients, model string, ended chan<- error) {
	t.Helper()
	stream, err := c.Ollama.Chat(t.Context(), &paddockv1.ChatRequest{Model: model, Messages: hi})
	if err != nil || !stream.Receive() {
		t.Fatal(model, err, stream.Err())
	}
	go func() {
		for stream.Receive() {
		}
		ended <- stream.Err()
	}()
}

// TestShutdown_CallsEnd: what runs may end, what is new is refused, and probes are answered that the server is draining.
func TestShutdown_CallsEnd(t *testing.T) {
	server.SetLimits(t, time.Hour, time.Minute)
	a := apptest.Start(t, storetest.SQLite(t), nil)
	goOn := make(chan struct{})
	a.Upstream.Script("tiny-chat", ollamatest.Say("a"), ollamatest.Until(goOn), ollamatest.Say("b"), ollamatest.Done("stop", 1, 2))
	a.Upstream.Script("tiny-embed", ollamatest.Until(goOn), ollamatest.Answer())
	clients := protocols(a)
	ended := make(chan error)
	for _, c := range clients {
		begin(t, c, "tiny-chat", ended)
		go func() {
			_, err := c.Ollama.Embed(t.Context(), &paddockv1.EmbedRequest{Model: "tiny-embed", Input: []string{"x"}})
			ended <- err
		}()
	}
	for len(a.Upstream.To("/api/embed")) < len(clients) {
		time.Sleep(time.Millisecond)
	}
	stopped := make(chan error, 1)
	go func() { stopped <- a.Stop() }()
	refusedWhileDraining(t, a)
	close(goOn)
	for range 2 * len(clients) {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	wantStopped(t, a, stopped)
}

// TestShutdown_CallsGoOn: calls that do not end are ended.
func TestShutdown_CallsGoOn(t *testing.T) {
	const drainLimit = 300 * time.Millisecond
	server.SetLimits(t, drainLimit, time.Minute)
	a := apptest.Start(t, storetest.SQLite(t), nil)
	clients := protocols(a)
	ended := make(chan error)
	for _, c := range clients {
		begin(t, c, "tiny-slow", ended) // which never ends by itself
	}
	stopped := make(chan error, 1)
	began := time.Now()
	go func() { stopped <- a.Stop() }()
	for range clients {
		err := <-ended
		apptest.WantReason(t, err, apierr.UpstreamUnavailable)
		if connect.CodeOf(err) != connect.CodeUnavailable || time.Since(began) < drainLimit {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	}
	wantStopped(t, a, stopped)
}

func wantStopped(t *testing.T, a *apptest.App, stopped <-chan error) {
	t.Helper()
	if err := <-stopped; err != nil {
		t.Errorf("stopped with %v", err)
	}
	if conn, err := net.Dial("tcp", strings.TrimPrefix(a.URL, "http://")); err == nil {
		conn.Close()
		t.Error("the port is still open")
	}
	if n := a.Upstream.Active(); n != 0 {
		t.Errorf("%d models still work", n)
	}
}

// refusedWhileDraining asks a server until it is draining, and then checks what it refuses.
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
	for deadline := time.Now().Add(time.Minute); status != http.StatusServiceUnavailable && time.Now().Before(deadline); {
		status, body = get("/readyz")
	}
	if status != http.StatusServiceUnavailable || !strings.Contains(body, `"serving":"shutting down"`) {
		t.Errorf("readyz: %d %s", status, body)
	}
	if status, _ := get("/healthz"); status != http.StatusOK {
		t.Errorf("healthz: %d", status)
	}
	_, err := a.Admin().Users.ListRoles(t.Context(), &paddockv1.ListRolesRequest{})
	if apptest.WantReason(t, err, apierr.UpstreamUnavailable); connect.CodeOf(err) != connect.CodeUnavailable {
		t.Errorf("a new call: %v", err)
	}
}

// TestShutdown_Idle: nothing is waited for, and to stop more than once does no harm.
func TestShutdown_Idle(t *testing.T) {
	server.SetLimits(t, time.Hour, time.Minute)
	storetest.Each(t, func(t *testing.T, url string) {
		a := apptest.Start(t, url, nil)
		a.NewPerson(t)
		if err := a.Stop(); err != nil {
			t.Error(err)
		}
	})
}

// TestShutdown_BodyStillComes: a client that does not end its request does not hold up the server.
func TestShutdown_BodyStillComes(t *testing.T) {
	server.SetLimits(t, time.Hour, 300*time.Millisecond)
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
	time.Sleep(100 * time.Millisecond) // for the server to read it
	_ = a.Stop()                       // which may well cut it off
}
