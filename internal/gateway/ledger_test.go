package gateway_test

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/dialect"
	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
)

// TestUsage_EveryModelCall checks that every model call is recorded with the upstream's own counts, and that no other call
// is.
func TestUsage_EveryModelCall(t *testing.T) {
	for _, c := range []struct {
		path, body string
		want       record
	}{
		{"/api/chat", `{"model":"tiny-chat",` + hi + `}`, record{"chat", "tiny-chat:latest", 11, 27, "ok", false}},
		{"/api/chat", `{"model":"TINY-chat",` + hi + `,"stream":false}`, record{"chat", "tiny-chat:latest", 11, 27, "ok", false}},
		{"/api/chat", `{"model":"tiny-chat"}`, record{"chat", "tiny-chat:latest", 0, 0, "ok", false}},
		{"/api/chat", `{"model":"tiny-stuck",` + hi + `}`, record{"chat", "tiny-stuck:latest", 11, 31, "failed", true}},
		{"/api/generate", `{"model":"tiny-chat","prompt":"hi"}`, record{"generate", "tiny-chat:latest", 11, 27, "ok", false}},
		{"/api/embed", `{"model":"tiny-embed","input":["hello world","zebra"]}`, record{"embed", "tiny-embed:latest", 19, 0, "ok", false}},
		{"/v1/chat/completions", `{"model":"tiny-chat",` + hi + `}`, record{"chat", "tiny-chat:latest", 11, 27, "ok", false}},
		{"/v1/chat/completions", `{"model":"tiny-chat",` + hi + `,"stream":true}`, record{"chat", "tiny-chat:latest", 11, 27, "ok", false}},
		{"/v1/completions", `{"model":"tiny-chat","prompt":"hi","stream":true}`, record{"generate", "tiny-chat:latest", 11, 27, "ok", false}},
		{"/v1/embeddings", `{"model":"tiny-embed","input":"hello world"}`, record{"embed", "tiny-embed:latest", 12, 0, "ok", false}},
		{"/v1/messages", `{"model":"tiny-chat","max_tokens":64,` + hi + `}`, record{"chat", "tiny-chat:latest", 11, 27, "ok", false}},
		{"/v1/messages", `{"model":"tiny-chat","max_tokens":64,"stream":true,` + hi + `}`, record{"chat", "tiny-chat:latest", 11, 27, "ok", false}},
		{"/v1/messages", `{"model":"nope","max_tokens":64,"stream":true,` + hi + `}`, record{"chat", "nope:latest", 0, 0, "failed", true}},
	} {
		b := start(t, ollamatest.Start(t))
		b.post(t, c.path, c.body)
		for _, path := range []string{"/api/tags", "/api/ps", "/api/version", "/v1/models"} {
			send(t, http.MethodGet, b.URL+path, "")
		}
		if got := b.spent(t); got != c.want {
			t.Errorf("%s %s\nrecorded %+v\nwant     %+v", c.path, c.body, got, c.want)
		}
	}
}

// TestUsage_StreamWithoutCounts checks that a stream without counts is estimated by the pieces that came.
func TestUsage_StreamWithoutCounts(t *testing.T) {
	b := start(t, ollamatest.Start(t))
	b.Upstream.Script("tiny-chat", ollamatest.Say("Once", " upon", " a", " time"), ollamatest.Done("stop", 0, 0))
	if got := b.post(t, "/api/chat", `{"model":"tiny-chat",`+hi+`}`); got.Err != nil || len(lines(got.Body)) != 5 {
		t.Errorf("%v %s", got.Err, got.Body)
	}
	if r := b.spent(t); r.Completion != 4 || r.Prompt == 0 || !r.Estimated || r.Outcome != "ok" {
		t.Errorf("recorded %+v", r)
	}
}

// TestQuota_EveryDialect checks the quota in every dialect: an answer is cut to what is left of it, and after that calls are
// refused with the limit.
func TestQuota_EveryDialect(t *testing.T) {
	for path, body := range calls {
		if path == "/api/show" {
			continue
		}
		b := start(t, ollamatest.Start(t))
		quota := int64(15)
		b.Caller.Quota.TokensPerDay = &quota
		body = strings.ReplaceAll(body, "NAME", `"tiny-chat"`)
		if got := b.post(t, path, body); got.Status != http.StatusOK {
			t.Errorf("%s: %d %s", path, got.Status, got.Body)
		}
		limit := `"num_predict":`
		switch {
		case path == "/v1/responses":
			limit = `"max_output_tokens":`
		case strings.HasPrefix(path, "/v1"):
			limit = `"max_tokens":`
		}
		if sent := b.sent(t); !strings.Contains(path, "embed") && !strings.Contains(sent, limit) {
			t.Errorf("%s sent no limit: %s", path, sent)
		}
		b.records(t, 1)
		for range 20 {
			b.post(t, path, body)
		}
		before := len(b.Upstream.Posts())
		got := b.post(t, path, body)
		message := messageOf(t, path, got.Body)
		if got.Status != http.StatusTooManyRequests || got.Header.Get("Retry-After") == "" || !strings.Contains(message, "15") {
			t.Errorf("%s: %d %v %s", path, got.Status, got.Header, got.Body)
		}
		if strings.HasPrefix(path, "/v1") && path != "/v1/messages" && !strings.Contains(got.Body, `"code":"QUOTA_EXCEEDED"`) {
			t.Errorf("%s: no code: %s", path, got.Body)
		}
		if len(b.Upstream.Posts()) != before {
			t.Errorf("%s went upstream", path)
		}
	}
}

// TestQuota_UnlimitedRequested checks that a call that asks for an unlimited answer is limited by the quota like one that
// asks for no limit.
func TestQuota_UnlimitedRequested(t *testing.T) {
	b := start(t, ollamatest.Start(t))
	quota := int64(100_000)
	b.Caller.Quota.TokensPerDay = &quota
	for i, limit := range []string{"-1", "-2", "0"} {
		b.post(t, "/api/chat", `{"model":"tiny-chat",`+hi+`,"options":{"num_predict":`+limit+`}}`)
		if sent := b.sent(t); len(b.Upstream.Posts()) != i+1 || !strings.Contains(sent, `"options":{"num_predict":4096}`) {
			t.Errorf("for %s, sent %s", limit, sent)
		}
	}
}

// TestStream_AccessRevoked checks that a stream whose caller loses access ends with the error, and that the upstream stops.
func TestStream_AccessRevoked(t *testing.T) {
	b := start(t, ollamatest.Start(t))
	gone := apierr.New(connect.CodeUnauthenticated, apierr.Unauthenticated, "no valid credential")
	ctx, throwOut := context.WithCancelCause(t.Context())
	defer throwOut(nil)
	inner := b.handler
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inner.ServeHTTP(w, r.WithContext(ctx))
	}))
	defer server.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/v1/chat/completions",
		strings.NewReader(`{"model":"tiny-slow",`+hi+`,"stream":true}`))
	if err != nil {
		t.Fatal(err)
	}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	lines.Scan()
	throwOut(gone)
	last := ""
	for lines.Scan() {
		if lines.Text() != "" {
			last = lines.Text()
		}
	}
	if !strings.HasPrefix(last, `data: {"error":{"message":"no valid credential","type":"authentication_error"`) {
		t.Errorf("the last line is %s", last)
	}
	within, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := b.Upstream.WaitIdle(within); err != nil {
		t.Error("the model still works")
	}
	if r := b.spent(t); r.Outcome != "aborted" || r.Completion == 0 {
		t.Errorf("recorded %+v", r)
	}
}

// TestWriteError_EveryDialect checks that errors are written in the dialect, with their status and headers.
func TestWriteError_EveryDialect(t *testing.T) {
	for status, err := range map[int]*connect.Error{
		401: apierr.New(connect.CodeUnauthenticated, apierr.Unauthenticated, "no valid credential"),
		403: apierr.New(connect.CodePermissionDenied, apierr.AccessDenied, "this needs a role"),
		413: apierr.Retry(connect.CodeResourceExhausted, apierr.MessageTooLarge, "too large", time.Second),
		429: apierr.Retry(connect.CodeResourceExhausted, apierr.RateLimited, "slow down", time.Second),
		500: apierr.New(connect.CodeInternal, apierr.Internal, "internal error"),
		503: apierr.Retry(connect.CodeUnavailable, apierr.DatabaseUnavailable, "the database is unavailable", time.Second),
		504: connect.NewError(connect.CodeDeadlineExceeded, context.DeadlineExceeded),
	} {
		for path, d := range map[string]dialect.Dialect{"/api/chat": dialect.Ollama, "/v1/models": dialect.OpenAI, "/v1/messages": dialect.Anthropic} {
			w := httptest.NewRecorder()
			d.WriteError(w, httptest.NewRequest(http.MethodPost, path, nil), err)
			if w.Code != status || messageOf(t, path, w.Body.String()) != err.Message() || w.Header().Get("Retry-After") != err.Meta().Get("Retry-After") {
				t.Errorf("%s: %d %v %s, want %d", path, w.Code, w.Header(), w.Body, status)
			}
		}
	}
}

// TestWriteError_Concurrent checks that writing a shared error does not change it, which the race detector would report.
func TestWriteError_Concurrent(t *testing.T) {
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			dialect.Ollama.WriteError(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/api/chat", nil), apierr.ModelForbidden("m"))
		})
	}
	all.Wait()
}
