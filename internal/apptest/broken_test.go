package apptest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/internal/apptest"
	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// TestIncompleteAnswer_NotLoggedAs200 checks that an incomplete answer is no 200 in log and metrics, whichever side broke it
// off, although its client has read that status.
func TestIncompleteAnswer_NotLoggedAs200(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.PostgreSQL(t), nil)
	var log bytes.Buffer // written to under slog's lock, read when the server has ended
	a.Log = &log
	r := a.Replica(t)
	bodyFor := func(path, model string) string {
		most := ""
		if path == "/v1/messages" {
			most = `"max_tokens":20,`
		}
		return `{"model":"` + model + `",` + most + `"stream":true,"messages":[{"role":"user","content":"hi"}]}`
	}
	dialects := map[string]struct{ piece, failure, end string }{
		"/api/chat": {
			`{"model":"tiny-chat","message":{"role":"assistant","content":"a"},"done":false}` + "\n", `{"error":"out of luck"}` + "\n",
			`{"model":"tiny-chat","message":{"role":"assistant","content":""},"done":true,"prompt_eval_count":1,"eval_count":1}` + "\n",
		},
		"/v1/chat/completions": {
			`data: {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}` + "\n\n", `data: {"error":{"message":"out of luck"}}` + "\n\n",
			"data: [DONE]\n\n",
		},
		"/v1/messages": {
			`event: content_block_delta` + "\n" + `data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}` + "\n\n",
			"event: error\n" + `data: {"type":"error","error":{"type":"api_error","message":"out of luck"}}` + "\n\n",
			"event: message_stop\n" + `data: {"type":"message_stop"}` + "\n\n",
		},
	}
	type expectation struct {
		name, code string
		status     int
	}
	want := map[string]expectation{} // by request id
	expect := func(name, code string, status int) http.Header {
		id := uuid.NewString()
		want[id] = expectation{name, code, status}
		h := bearerOf(r.AdminKey)
		h.Set("X-Request-Id", id)
		return h
	}
	// The upstream breaks off, or says what has gone wrong.
	for path, d := range dialects {
		body := bodyFor(path, "tiny-chat")
		for name, steps := range map[string][]ollamatest.Step{
			"cut":    {ollamatest.Raw(d.piece), ollamatest.Cut()},
			"ended":  {ollamatest.Raw(d.piece)},
			"failed": {ollamatest.Raw(d.piece + d.failure)},
		} {
			a.Upstream.Script("tiny-chat", steps...)
			got := send(t, http.MethodPost, r.URL+path, expect(path+" "+name, "unavailable", http.StatusServiceUnavailable), body)
			if got.StatusCode != http.StatusOK || !strings.Contains(got.body, "error") {
				t.Errorf("%s %s: %d %s", path, name, got.StatusCode, got.body)
			}
		}
		a.Upstream.Script("tiny-chat", ollamatest.Raw(d.piece+d.end))
		send(t, http.MethodPost, r.URL+path, expect(path+" whole", "", http.StatusOK), body)
	}
	// The client leaves.
	for path := range dialects {
		ctx, cancel := context.WithCancel(t.Context())
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.URL+path, strings.NewReader(bodyFor(path, "tiny-slow")))
		must(t, err)
		req.Header = expect(path+" left", "canceled", 499)
		req.Header.Set("Content-Type", "application/json")
		res, err := http1.Do(req)
		must(t, err)
		_, err = io.ReadFull(res.Body, make([]byte, 10))
		must(t, err)
		cancel()
		res.Body.Close()
	}
	// A client that has left before there was anything to send.
	a.Upstream.Script("tiny-embed", ollamatest.Wait(300*time.Millisecond), ollamatest.Answer())
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.URL+"/api/embed", strings.NewReader(`{"model":"tiny-embed","input":"x"}`))
	must(t, err)
	req.Header = expect("left early", "canceled", 499)
	req.Header.Set("Content-Type", "application/json")
	if res, err := http1.Do(req); err == nil {
		res.Body.Close()
		t.Error("answered too soon")
	}
	wait, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	must(t, a.Upstream.WaitIdle(wait))
	time.Sleep(100 * time.Millisecond) // until all are counted
	metrics := send(t, http.MethodGet, r.URL+"/metrics", nil, "").body
	for path := range dialects {
		for code, n := range map[string]int{"200": 1, "unavailable": 3, "canceled": 1} {
			line := fmt.Sprintf("paddock_request_duration_seconds_count{code=%q,route=%q} %d\n", code, path, n)
			if !strings.Contains(metrics, line) {
				t.Errorf("no %s", line)
			}
		}
	}
	http1.CloseIdleConnections() // those that were not used would be waited for
	must(t, r.Stop())
	for line := range strings.Lines(log.String()) {
		var l struct {
			Msg, Code string
			Status    int
			ID        string `json:"request_id"`
		}
		must(t, json.Unmarshal([]byte(line), &l))
		if w, ok := want[l.ID]; ok && l.Msg == "request" {
			if l.Status != w.status || l.Code != w.code {
				t.Errorf("%s: logged as %d %q, want %d %q", w.name, l.Status, l.Code, w.status, w.code)
			}
			delete(want, l.ID)
		}
	}
	for _, w := range want {
		t.Errorf("%s: not logged", w.name)
	}
}

// TestIncompleteAnswer_Large is an answer of which too much was relayed to be kept, so that only the connection can show
// that it is incomplete.
func TestIncompleteAnswer_Large(t *testing.T) {
	t.Parallel()
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Method != http.MethodPost {
			_, _ = io.WriteString(w, `{"version":"0.17.4","models":[]}`)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"embeddings":[[`+strings.Repeat("0.25,", 400<<10))
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}))
	t.Cleanup(upstream.Close)
	a := apptest.Start(t, storetest.SQLite(t), apptest.Env{"OLLAMA_BASE_URL": upstream.URL})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.URL+"/api/embed", strings.NewReader(`{"model":"tiny-embed","input":"x"}`))
	must(t, err)
	req.Header = bearerOf(a.AdminKey)
	res, err := http1.Do(req)
	must(t, err)
	if _, err := io.Copy(io.Discard, res.Body); err == nil {
		t.Error("the answer did not break off")
	}
	res.Body.Close()
	metrics := send(t, http.MethodGet, a.URL+"/metrics", nil, "").body
	if strings.Contains(metrics, `{code="200",route="/api/embed"}`) || !strings.Contains(metrics, `,route="/api/embed"} 1`+"\n") {
		t.Error("it counts as good")
	}
}
