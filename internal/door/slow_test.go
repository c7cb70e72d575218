package door_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/apptest"
	"github.com/paddock-gate/paddock/internal/door"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// slowCall sends the head of a JSON call and the first bytes of its body, and returns what sends more and what answers.
func slowCall(t *testing.T, a *apptest.App, token, procedure, body string) (send func(string), answer func() (int, string)) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(a.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n", procedure, len(body))
	if token != "" {
		head += "Authorization: Bearer " + token + "\r\n"
	}
	if _, err := io.WriteString(conn, head+"\r\n"); err != nil {
		t.Fatal(err)
	}
	send = func(part string) { _, _ = io.WriteString(conn, part) } // a server that has had enough closes
	answer = func() (int, string) {
		_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			return 0, err.Error()
		}
		defer res.Body.Close()
		text, _ := io.ReadAll(res.Body)
		return res.StatusCode, string(text)
	}
	return send, answer
}

// TestGuard_RightsEndDuringBody: an admin who is disabled cannot finish a call whose body they began to send before.
func TestGuard_RightsEndDuringBody(t *testing.T) {
	door.SetBodyIdle(t, time.Minute)
	storetest.Each(t, func(t *testing.T, url string) {
		a := apptest.Start(t, url, nil)
		eve := a.NewPerson(t, "admin")
		change := `{"id":"` + eve.Id + `","active":true,"roles":["admin"]}`
		send, answer := slowCall(t, a, eve.Key, "/paddock.v1.UserService/UpdateUser", "  "+change)
		send(" ")
		time.Sleep(2 * door.RecheckAfter) // for the first check; a later one refuses the call
		if _, err := a.Admin().Users.UpdateUser(t.Context(), &paddockv1.UpdateUserRequest{Id: eve.Id, Active: new(false)}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * door.RecheckAfter)
		send(" " + change)
		if status, text := answer(); status != http.StatusUnauthorized {
			t.Errorf("%d %s", status, text)
		}
		u, err := a.Admin().Users.GetUser(t.Context(), &paddockv1.GetUserRequest{Id: eve.Id})
		if err != nil || u.GetUser().GetActive() {
			t.Errorf("%v, %v", u, err)
		}
	})
}

// TestGuard_BodyTrickles: a body that takes too long ends, however regularly its bytes come.
func TestGuard_BodyTrickles(t *testing.T) {
	const bodyIdle = 300 * time.Millisecond
	door.SetBodyIdle(t, bodyIdle)
	a := apptest.Start(t, storetest.SQLite(t), nil)
	body := `{"email":"` + strings.Repeat("x", 16000)
	send, answer := slowCall(t, a, "", "/paddock.v1.AuthService/Login", body)
	go func() {
		for i := range body {
			select {
			case <-t.Context().Done():
				return
			case <-time.After(bodyIdle / 5):
				send(body[i : i+1])
			}
		}
	}()
	if status, text := answer(); status != http.StatusBadRequest {
		t.Errorf("%d %s", status, text)
	}
}

// TestGuard_LargeBodiesOfOneUser: one user cannot fill the memory with bodies that never end.
func TestGuard_LargeBodiesOfOneUser(t *testing.T) {
	door.SetBodyIdle(t, time.Minute)
	a := apptest.Start(t, storetest.SQLite(t), apptest.Env{"MAX_MODEL_BODY": "4MiB"}) // room for two of these bodies
	greedy, other := a.NewPerson(t, "user"), a.NewPerson(t, "user")
	body := `{"input":["` + strings.Repeat("x", 4<<20-100)
	const all = 10
	answers := make(chan string, all)
	for range all {
		send, answer := slowCall(t, a, greedy.Key, "/paddock.v1.OllamaService/Embed", body)
		go send(body[:len(body)-1])
		go func() {
			_, text := answer()
			answers <- text
		}()
	}
	for range all - 2 {
		if text := <-answers; !strings.Contains(text, "RATE_LIMITED") {
			t.Error(text)
		}
	}
	_, err := a.As(other.Key).Ollama.Embed(t.Context(), &paddockv1.EmbedRequest{Model: "tiny-embed", Input: []string{strings.Repeat("x", 1<<20)}})
	if err != nil {
		t.Errorf("another user: %v", err)
	}
}

// TestGuard_BodyStalls: a body that stops coming is given up with an error.
func TestGuard_BodyStalls(t *testing.T) {
	door.SetBodyIdle(t, 300*time.Millisecond)
	a := apptest.Start(t, storetest.SQLite(t), nil)
	var h2 http.Protocols
	h2.SetUnencryptedHTTP2(true)
	t.Run("each", func(t *testing.T) {
		for name, client := range map[string]*http.Client{
			"HTTP/1.1": {}, "HTTP/2": {Transport: &http.Transport{Protocols: &h2}},
		} {
			for _, path := range []string{"/paddock.v1.UserService/ListUsers", "/grpc.health.v1.Health/Check"} {
				t.Run(name+path, func(t *testing.T) {
					t.Parallel()
					body, sender := io.Pipe()
					defer sender.Close()
					go func() { _, _ = sender.Write([]byte(`{"pageSi`)) }() // and nothing more
					ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
					defer cancel()
					req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.URL+path, body)
					if err != nil {
						t.Fatal(err)
					}
					req.Header.Set("Content-Type", "application/json")
					req.Header.Set("Authorization", "Bearer "+a.AdminKey)
					res, err := client.Do(req)
					if err != nil {
						t.Fatal(err)
					}
					defer res.Body.Close()
					text, _ := io.ReadAll(res.Body)
					if strings.HasPrefix(path, "/paddock") && !strings.Contains(string(text), "INVALID_ARGUMENT") {
						t.Errorf("%d %s", res.StatusCode, text)
					}
					if strings.Contains(string(text), "127.0.0.1") {
						t.Errorf("the body names an address: %s", text)
					}
				})
			}
		}
	})
}
