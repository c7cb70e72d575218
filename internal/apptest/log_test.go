package apptest_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// TestLog_UnauthenticatedFlood checks that unauthenticated requests are logged up to a number a second, and the others
// counted; all requests of users are logged.
func TestLog_UnauthenticatedFlood(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.PostgreSQL(t), nil)
	var log bytes.Buffer // written to under slog's lock, read when the server has ended
	a.Log = &log
	r := a.Replica(t)
	ask := func() {
		res, err := http.Get(r.URL + "/api/tags")
		must(t, err)
		res.Body.Close()
	}
	const strangers, own = 600, 150
	for range strangers {
		ask()
	}
	for range own {
		_, err := r.Admin().Auth.WhoAmI(t.Context(), &paddockv1.WhoAmIRequest{})
		must(t, err)
	}
	time.Sleep(50 * time.Millisecond)
	ask() // reports the number of those not logged
	must(t, r.Stop())
	lines, skipped, users := 0, 0, 0
	for line := range strings.Lines(log.String()) {
		var l struct {
			Msg     string
			UserID  string `json:"user_id"`
			Skipped int
		}
		must(t, json.Unmarshal([]byte(line), &l))
		switch {
		case l.Msg == "request" && l.UserID != "":
			users++
		case l.Msg == "request":
			lines, skipped = lines+1, skipped+l.Skipped
		}
	}
	if users != own || lines+skipped != strangers+1 || skipped == 0 {
		t.Errorf("of %d requests of users %d lines; of %d of strangers %d, %d skipped", own, users, strangers+1, lines, skipped)
	}
}

// TestLog_ModelCalls checks that the line of a model call tells which model and server it was, where its time went and what it has cost.
func TestLog_ModelCalls(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.PostgreSQL(t), nil)
	var log bytes.Buffer
	a.Log = &log
	r := a.Replica(t)
	chat := func(model, more string) {
		send(t, http.MethodPost, r.URL+"/v1/chat/completions", bearerOf(r.AdminKey),
			`{"model":"`+model+`","messages":[{"role":"user","content":"what is logged?"}]`+more+`}`)
	}
	chat("tiny-chat", `,"stream":true`)
	chat("tiny-chat", "")
	chat("tiny-nope", "")
	stream, err := r.Admin().Ollama.Chat(t.Context(), &paddockv1.ChatRequest{Model: "tiny-chat", Messages: hi})
	must(t, err)
	for stream.Receive() {
	}
	_, err = r.Admin().Ollama.Embed(t.Context(), &paddockv1.EmbedRequest{Model: "tiny-embed", Input: []string{"x"}})
	must(t, err)
	_, err = r.Admin().Auth.WhoAmI(t.Context(), &paddockv1.WhoAmIRequest{})
	must(t, err)
	must(t, r.Stop())
	var lines []string
	for line := range strings.Lines(log.String()) {
		if strings.Contains(line, `"msg":"request"`) {
			lines = append(lines, line)
		}
	}
	upstream := `"upstream":"` + strings.TrimPrefix(a.Upstream.URL, "http://") + `"`
	for i, want := range [][]string{
		{`"model":"tiny-chat:latest"`, upstream, `"queue_ms":`, `"first_token_ms":`, `"prompt_tokens":`, `"completion_tokens":27`},
		{`"model":"tiny-chat:latest"`, upstream, `"queue_ms":`, `"prompt_tokens":`, `"completion_tokens":27`},
		{`"model":"tiny-nope:latest"`, `"status":404`},
		{`"model":"tiny-chat:latest"`, upstream, `"queue_ms":`, `"first_token_ms":`, `"prompt_tokens":`, `"completion_tokens":27`},
		{`"model":"tiny-embed:latest"`, upstream, `"queue_ms":`, `"prompt_tokens":`, `"completion_tokens":0`},
		{`WhoAmI`},
	} {
		if !containsAll(lines[i], want) {
			t.Errorf("not all of %s in %s", want, lines[i])
		}
	}
	if strings.Contains(lines[1], "first_token_ms") || strings.Contains(lines[5], "model") || strings.Contains(log.String(), "trace_id") {
		t.Errorf("lines say what is not so: %s", log.String())
	}
}
