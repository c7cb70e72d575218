package door_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/apptest"
	"github.com/paddock-gate/paddock/internal/door"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

const bodyIdle = 500 * time.Millisecond

func TestMain(m *testing.M) {
	door.ShortenBodyIdle(bodyIdle)
	os.Exit(m.Run())
}

// slowCall sends the head of a JSON call and the first bytes of its body, and returns what sends more and what answers.
func slowCall(t *testing.T, a *apptest.App, token, procedure, body string) (send func(string), answer func() (int, string)) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(a.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n", procedure, len(body))
	if token != "" {
		head += "Authorization: Bearer " + token + "\r\n"
	}
	if _, err := io.WriteString(conn, head+"\r\n"); err != nil {
		t.Fatal(err)
	}
	send = func(part string) { _, _ = io.WriteString(conn, part) } // a server that has had enough closes
	answer = func() (int, string) {
		_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
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

// TestRightsThatEndWhileABodyComesAreGone: an admin who is disabled cannot finish what they began to send before.
func TestRightsThatEndWhileABodyComesAreGone(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		a := apptest.Start(t, url, nil)
		eve := a.NewPerson(t, "admin")
		change := `{"id":"` + eve.Id + `","active":true,"roles":["admin"]}`
		const spaces = 20
		send, answer := slowCall(t, a, eve.Key, "/paddock.v1.UserService/UpdateUser", strings.Repeat(" ", spaces)+change)
		disabled := make(chan error, 1)
		sent := 0
		for err, done := error(nil), false; !done; sent++ {
			send(" ")
			if sent == 2 { // well past the door
				go func() {
					_, err := a.Admin().Users.UpdateUser(t.Context(), &paddockv1.UpdateUserRequest{Id: eve.Id, Active: new(false)})
					disabled <- err
				}()
			}
			select {
			case err = <-disabled:
				done = true
			case <-time.After(bodyIdle / 5):
			}
			if err != nil || sent == spaces-1 {
				t.Fatalf("not disabled: %v", err)
			}
		}
		send(strings.Repeat(" ", spaces-sent) + change)
		if status, text := answer(); status != http.StatusUnauthorized {
			t.Errorf("%d %s", status, text)
		}
		u, err := a.Admin().Users.GetUser(t.Context(), &paddockv1.GetUserRequest{Id: eve.Id})
		if err != nil || u.GetUser().GetActive() {
			t.Errorf("%v, %v", u, err)
		}
	})
}

// TestATrickledBodyEnds, however regularly its bytes come.
func TestATrickledBodyEnds(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.SQLite(t), nil)
	body := `{"email":"` + strings.Repeat("x", 16000)
	send, answer := slowCall(t, a, "", "/paddock.v1.AuthService/Login", body)
	began, ended := time.Now(), make(chan struct{})
	go func() {
		defer close(ended)
		for i := 0; time.Since(began) < 4*time.Second; i++ {
			send(body[i : i+1])
			time.Sleep(bodyIdle / 5)
		}
	}()
	status, text := answer()
	if took := time.Since(began); took > bodyIdle+2*time.Second || status != http.StatusBadRequest {
		t.Errorf("%d %s after %v", status, text, took)
	}
	<-ended
}

// TestLargeBodiesShareTheirRoom: one user cannot fill the memory with bodies that never end.
func TestLargeBodiesShareTheirRoom(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.SQLite(t), apptest.Env{"MAX_MODEL_BODY": "4MiB"}) // room for two of these bodies, not for 40
	greedy, other := a.NewPerson(t, "user"), a.NewPerson(t, "user")
	body := `{"input":["` + strings.Repeat("x", 4<<20-100)
	refused := make(chan bool, 40)
	for range cap(refused) {
		send, answer := slowCall(t, a, greedy.Key, "/paddock.v1.OllamaService/Embed", body)
		go func() {
			go func() {
				for i := 0; i < len(body); i += 256 << 10 {
					send(body[i:min(i+256<<10, len(body)-1)])
					time.Sleep(bodyIdle / 100)
				}
			}()
			_, text := answer()
			refused <- strings.Contains(text, "RATE_LIMITED")
		}()
	}
	n := 0
	for range cap(refused) {
		if <-refused {
			n++
		}
	}
	if n == 0 {
		t.Error("none was refused")
	}
	_, err := a.As(other.Key).Ollama.Embed(t.Context(), &paddockv1.EmbedRequest{Model: "tiny-embed", Input: []string{strings.Repeat("x", 1<<20)}})
	if err != nil {
		t.Errorf("another user: %v", err)
	}
}

// TestABodyThatStopsComingIsGivenUp, and told so where that can be.
func TestABodyThatStopsComingIsGivenUp(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.SQLite(t), nil)
	var h2 http.Protocols
	h2.SetUnencryptedHTTP2(true)
	for name, client := range map[string]*http.Client{
		"HTTP/1.1": {}, "HTTP/2": {Transport: &http.Transport{Protocols: &h2}},
	} {
		for _, path := range []string{"/paddock.v1.UserService/ListUsers", "/grpc.health.v1.Health/Check"} {
			body, sender := io.Pipe()
			go func() { _, _ = sender.Write([]byte(`{"pageSi`)) }() // and no more
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.URL+path, body)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("Authorization", "Bearer "+a.AdminKey)
			began := time.Now()
			res, err := client.Do(req)
			if took := time.Since(began); took > bodyIdle+2*time.Second {
				t.Errorf("%s %s: took %v", name, path, took)
			}
			if err != nil {
				t.Errorf("%s %s: %v", name, path, err)
				continue
			}
			text, _ := io.ReadAll(res.Body)
			res.Body.Close()
			sender.Close()
			if strings.HasPrefix(path, "/paddock") && !strings.Contains(string(text), "INVALID_ARGUMENT") {
				t.Errorf("%s %s: %d %s", name, path, res.StatusCode, text)
			}
			if strings.Contains(string(text), "127.0.0.1") {
				t.Errorf("%s %s tells of the inside: %s", name, path, text)
			}
		}
	}
}
