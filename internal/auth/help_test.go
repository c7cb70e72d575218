package auth_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
)

// answer is what came back over HTTP.
type answer struct {
	status  int
	header  http.Header
	cookies []*http.Cookie
	body    string
}

// post sends JSON as curl would, with headers given as names and values in turn.
func post(t testing.TB, url string, body any, header ...string) answer {
	t.Helper()
	return send(t, http.MethodPost, url, body, header...)
}

func send(t testing.TB, method, url string, body any, header ...string) answer {
	t.Helper()
	encoded, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(encoded))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, res.Cookies(), string(text)}
}

func login(t testing.TB, a *apptest.App, email, password string, options ...connect.ClientOption) error {
	t.Helper()
	_, err := a.As("", options...).Auth.Login(t.Context(), &paddockv1.LoginRequest{Email: email, Password: password})
	return err
}

// waitFor waits until there is what there must be, or fails the test after some seconds.
func waitFor(t testing.TB, what string, there func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !there(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func whoAmI(t testing.TB, a *apptest.App, credential string) error {
	t.Helper()
	_, err := a.As(credential).Auth.WhoAmI(t.Context(), &paddockv1.WhoAmIRequest{})
	return err
}
