package apptest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/apptest"
	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// TestPrompts_NeverMixed checks that no byte of a prompt goes upstream in another user's call, also when the upstream
// answers or refuses before it has read a prompt, or the client disconnects. Each prompt is one letter, many times.
func TestPrompts_NeverMixed(t *testing.T) {
	t.Parallel()
	const answer = `{"model":"tiny-chat","created_at":"2026-01-02T03:04:05Z","message":{"role":"assistant","content":"a"},"done":true}`
	models := ollamatest.New()
	var reading sync.WaitGroup
	defer reading.Wait()
	upstream := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/chat" {
			models.ServeHTTP(w, r)
			return
		}
		reading.Add(1)
		defer reading.Done()
		control := http.NewResponseController(w)
		if err := control.EnableFullDuplex(); err != nil {
			t.Error(err)
		}
		head := make([]byte, 1<<10)
		if _, err := io.ReadFull(r.Body, head); err != nil {
			return
		}
		own := head[len(head)-1]
		w.Header().Set("Content-Type", "application/json")
		reply := func(status int, body string) {
			w.Header().Set("Content-Length", fmt.Sprint(len(body)))
			w.WriteHeader(status)
			fmt.Fprint(w, body)
			_ = control.Flush()
		}
		switch own % 4 {
		case 0:
			defer reply(http.StatusOK, answer)
		case 1:
			reply(http.StatusOK, answer)
		case 2:
			reply(http.StatusBadRequest, `{"error":"no"}`)
		case 3:
			defer func() { <-r.Context().Done() }()
		}
		time.Sleep(40 * time.Millisecond) // for others to come; a transport gives up soon after that
		body, _ := io.ReadAll(r.Body)
		if rest, _, _ := bytes.Cut(body, []byte{'"'}); bytes.Count(rest, []byte{own}) != len(rest) {
			t.Errorf("%c's prompt has parts of another's", own)
		}
	}))
	upstream.Listener = listenNarrow(t)
	upstream.Start()
	defer upstream.Close()

	a := apptest.Start(t, storetest.SQLite(t), apptest.Env{"OLLAMA_BASE_URL": upstream.URL})
	ask := func(letter byte) {
		patience := time.Minute
		if letter%4 == 3 {
			patience = 60 * time.Millisecond
		}
		ctx, leave := context.WithTimeout(t.Context(), patience)
		defer leave()
		prompt := `{"model":"tiny-chat","stream":false,"messages":[{"role":"user","content":"` + strings.Repeat(string(letter), 3<<20) + `"}]}`
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, a.URL+"/api/chat", strings.NewReader(prompt))
		if err != nil {
			t.Error(err)
			return
		}
		r.Header.Set("Authorization", "Bearer "+a.AdminKey)
		res, err := http.DefaultClient.Do(r)
		if err == nil {
			_, _ = io.Copy(io.Discard, res.Body)
			res.Body.Close()
		}
		if good := err == nil && res.StatusCode == http.StatusOK; good != (letter%4 <= 1) {
			t.Errorf("%c: %v, %v", letter, res, err)
		}
	}
	const clients = 12
	var all sync.WaitGroup
	for client := range clients {
		all.Go(func() {
			for round := range 6 {
				ask(byte('A' + (client+round)%clients))
			}
		})
	}
	all.Wait()
}

// listenNarrow returns a listener whose connections hold, on both sides, little of what is not read yet. With the segments of
// loopback, of 64 KiB, the kernel would take a whole prompt at once.
func listenNarrow(t *testing.T) net.Listener {
	t.Helper()
	c := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var errs [2]error
		err := raw.Control(func(fd uintptr) {
			errs[0] = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_MAXSEG, 1<<10)
			errs[1] = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 64<<10)
		})
		return errors.Join(err, errs[0], errs[1])
	}}
	l, err := c.Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	return l
}
