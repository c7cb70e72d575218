package server_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
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

// TestShutdown_CallsEnd: a server that was told to stop is not ready and serves on; then nobody can connect, and what runs, and what
// comes on connections that are open, may end.
func TestShutdown_CallsEnd(t *testing.T) {
	server.SetCloseLimit(t, time.Minute)
	a := apptest.Start(t, storetest.SQLite(t), apptest.Env{"SHUTDOWN_DELAY": "2s", "DRAIN_TIMEOUT": "1h"})
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
	waiting := dial(t, a)
	if res := waiting.get("/healthz"); res.StatusCode != http.StatusOK || res.Close {
		t.Errorf("healthz: %+v", res)
	}
	var h2c http.Protocols
	h2c.SetUnencryptedHTTP2(true)
	overHTTP2 := &http.Client{Transport: &http.Transport{Protocols: &h2c}}
	stopped := make(chan error, 1)
	go func() { stopped <- a.Stop() }()
	servesWhileUnready(t, a, clients)
	res, err := overHTTP2.Get(a.URL + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	untilPortCloses(t, a)
	if res := waiting.get("/healthz"); res.StatusCode != http.StatusOK || !res.Close {
		t.Errorf("on a connection from before: %+v", res)
	}
	waiting.wantClosed()
	wantSentAway(t, overHTTP2, a.URL)
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
	server.SetCloseLimit(t, time.Minute)
	a := apptest.Start(t, storetest.SQLite(t), apptest.Env{"DRAIN_TIMEOUT": drainLimit.String()})
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

// servesWhileUnready waits until a server is not ready any more, and then checks that it serves, and sends clients away.
func servesWhileUnready(t *testing.T, a *apptest.App, clients map[string]*apptest.Clients) {
	t.Helper()
	var ready *response
	for deadline := time.Now().Add(time.Minute); ready == nil || ready.StatusCode == http.StatusOK; {
		if ready = dial(t, a).get("/readyz"); time.Now().After(deadline) {
			t.Fatal("still ready")
		}
	}
	if ready.StatusCode != http.StatusServiceUnavailable || !strings.Contains(ready.body, `"serving":"shutting down"`) || !ready.Close {
		t.Errorf("readyz: %+v", ready)
	}
	if res := dial(t, a).get("/healthz"); res.StatusCode != http.StatusOK {
		t.Errorf("healthz: %+v", res)
	}
	for name, c := range clients {
		if _, err := c.Users.ListRoles(t.Context(), &paddockv1.ListRolesRequest{}); err != nil {
			t.Errorf("%s: a new call: %v", name, err)
		}
	}
}

// wantSentAway makes calls with a client that has a connection until GOAWAY has come on it: they are answered up to then.
func wantSentAway(t *testing.T, client *http.Client, url string) {
	t.Helper()
	for n := 0; ; n++ {
		res, err := client.Get(url + "/healthz")
		switch {
		case err == nil && n < 100:
			res.Body.Close()
		case err == nil:
			t.Fatal("no GOAWAY came")
		case n > 0 && errors.Is(err, syscall.ECONNREFUSED):
			return
		default:
			t.Fatalf("call %d: %v", n, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func untilPortCloses(t *testing.T, a *apptest.App) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("tcp", strings.TrimPrefix(a.URL, "http://"))
		if err != nil {
			return
		}
		conn.Close()
		if time.Now().After(deadline) {
			t.Fatal("the port is still open")
		}
	}
}

// connection is one of HTTP/1.1.
type connection struct {
	t *testing.T
	net.Conn
	from *bufio.Reader
}

// response is one whose body has been read.
type response struct {
	*http.Response
	body string
}

func dial(t *testing.T, a *apptest.App) *connection {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(a.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &connection{t, conn, bufio.NewReader(conn)}
}

func (c *connection) get(path string) *response {
	c.t.Helper()
	if _, err := io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		c.t.Fatal(err)
	}
	res, err := http.ReadResponse(c.from, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return &response{res, string(body)}
}

func (c *connection) wantClosed() {
	c.t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(time.Minute))
	if _, err := c.from.ReadByte(); err != io.EOF {
		c.t.Errorf("the connection is not closed: %v", err)
	}
}

// TestShutdown_Idle: nothing is waited for, and to stop more than once does no harm.
func TestShutdown_Idle(t *testing.T) {
	server.SetCloseLimit(t, time.Minute)
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
	server.SetCloseLimit(t, 300*time.Millisecond)
	a := apptest.Start(t, storetest.SQLite(t), apptest.Env{"DRAIN_TIMEOUT": "1h"})
	conn, err := net.Dial("tcp", strings.TrimPrefix(a.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const head = "POST /paddock.v1.AuthService/Login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 16000\r\n\r\n{"
	if _, err := io.WriteString(conn, head); err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond) // for the server to read it
	_ = a.Stop()                       // which may well cut it off
}
