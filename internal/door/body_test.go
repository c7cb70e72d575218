package door

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestReadBody_TooLarge(t *testing.T) {
	for limit, want := range map[int64]string{16 << 10: "larger than 16 KiB", 64 << 10: "larger than 64 KiB", 4 << 20: "larger than 4 MiB"} {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(strings.Repeat(" ", int(limit)+1)))
		if _, err := readBody(httptest.NewRecorder(), r, Endpoint{MaxBody: limit}, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%d bytes: %v, want %q", limit+1, err, want)
		}
	}
}

// TestDiscardUnread_SlowHandler checks that a body which is read late is read all the same, over both versions of HTTP.
func TestDiscardUnread_SlowHandler(t *testing.T) {
	t.Parallel()
	const size = 3 << 20 // more than HTTP/2 sends unread
	server := httptest.NewUnstartedServer(DiscardUnread(size, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(unreadWait + 100*time.Millisecond)
		n, err := io.Copy(io.Discard, newTimedBody(w, r, size))
		fmt.Fprint(w, n, err)
	})))
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	server.Config.Protocols = protocols
	server.Start()
	defer server.Close()
	for version, set := range map[string]func(*http.Protocols, bool){"1": (*http.Protocols).SetHTTP1, "2": (*http.Protocols).SetUnencryptedHTTP2} {
		p := new(http.Protocols)
		set(p, true)
		client := http.Client{Transport: &http.Transport{Protocols: p}}
		res, err := client.Post(server.URL, "application/json", strings.NewReader(strings.Repeat("x", size)))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(res.Body)
		res.Body.Close()
		if want := fmt.Sprint(size, error(nil)); err != nil || string(answer) != want {
			t.Errorf("HTTP/%s: %s, %v, want %s", version, answer, err, want)
		}
	}
}
