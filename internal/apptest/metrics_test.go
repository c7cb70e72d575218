package apptest_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/apptest"
	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

func metricsOf(t *testing.T, a *apptest.App) string {
	t.Helper()
	return send(t, http.MethodGet, a.URL+"/metrics", nil, "").body
}

// TestMetrics_FromTheStart checks that series with known labels are there before anything has happened.
func TestMetrics_FromTheStart(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		metrics := metricsOf(t, a)
		for _, want := range []string{
			`paddock_build_info{goversion="go1.`,
			`version="unknown"} 1`,
			"paddock_database_up 1",
			"paddock_audit_seal_lag_seconds ",
			`paddock_requests_total{code="internal"} 0`,
			`paddock_requests_total{code="unavailable"} 0`,
			`paddock_model_calls_total{kind="chat",outcome="failed"} 0`,
			`paddock_model_calls_total{kind="embed",outcome="aborted"} 0`,
			`paddock_tokens_total{of="completion"} 0`,
			`paddock_queue_wait_seconds_count{class="batch"} 0`,
			`paddock_model_tokens_total{model="other",of="prompt"} 0`,
			`paddock_model_call_duration_seconds_count{model="other",outcome="failed"} 0`,
			`paddock_time_to_first_token_seconds_count{model="other"} 0`,
		} {
			if !strings.Contains(metrics, want) {
				t.Errorf("no %q in the metrics", want)
			}
		}
	})
}

// TestMetrics_Models checks that listed models have series of their own, and that nobody else decides on how many there are.
func TestMetrics_Models(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.SQLite(t), nil)
	const many = 150
	for i := range many {
		a.Upstream.Add(ollamatest.Model{Name: fmt.Sprintf("many-%d:latest", i)})
	}
	ask := func(model, more string) {
		send(t, http.MethodPost, a.URL+"/api/chat", bearerOf(a.AdminKey), `{"model":"`+model+`","messages":[{"role":"user","content":"hi"}]`+more+`}`)
	}
	ask("tiny-chat", "")
	ask("tiny-chat", `,"stream":false`)
	ask("Tiny-Chat:latest", "")
	for i := range 30 {
		ask(fmt.Sprintf("nobodys-%d", i), "")
	}
	for i := range many {
		ask(fmt.Sprintf("many-%d", i), "")
	}
	var metrics string
	for settled, deadline := 0, time.Now().Add(10*time.Second); settled < 3+30+many && time.Now().Before(deadline); {
		metrics, settled = metricsOf(t, a), 0 // which is a moment after the answer
		for _, count := range regexp.MustCompile(`(?m)^paddock_model_calls_total\{.*\} (\d+)$`).FindAllStringSubmatch(metrics, -1) {
			n, err := strconv.Atoi(count[1])
			must(t, err)
			settled += n
		}
	}
	for _, want := range []string{
		`paddock_time_to_first_token_seconds_count{model="tiny-chat:latest"} 2`,
		`paddock_model_tokens_total{model="tiny-chat:latest",of="completion"} 81`,
		`paddock_model_call_duration_seconds_count{model="tiny-chat:latest",outcome="ok"} 3`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("no %q in the metrics", want)
		}
	}
	if strings.Contains(metrics, "nobodys") {
		t.Error("a caller made a series of a model that no server lists")
	}
	if n := strings.Count(metrics, `,of="prompt"} `); n != 101 { // with that of others
		t.Errorf("%d models have series", n)
	}
}

// TestMetrics_Exemplars checks that a trace leads from the histograms to the call, where it is asked for in OpenMetrics.
func TestMetrics_Exemplars(t *testing.T) {
	var metrics, plain string
	sent := traced(t, func(a *apptest.App) {
		send(t, http.MethodPost, a.URL+"/api/chat", bearerOf(a.AdminKey), `{"model":"tiny-chat","messages":[{"role":"user","content":"hi"}]}`)
		plain = metricsOf(t, a)
		metrics = send(t, http.MethodGet, a.URL+"/metrics", http.Header{"Accept": {"application/openmetrics-text;version=1.0.0"}}, "").body
	})
	id := fmt.Sprintf("%x", rootOf(t, spansOf(t, sent), "POST /api/chat").GetTraceId())
	for _, name := range []string{"paddock_request_duration_seconds", "paddock_queue_wait_seconds", "paddock_time_to_first_token_seconds"} {
		if !regexp.MustCompile(`(?m)^` + name + `_bucket\{.*\} \d+ # \{trace_id="` + id + `"\}`).MatchString(metrics) {
			t.Errorf("%s has no example of trace %s", name, id)
		}
	}
	if strings.Contains(plain, id) {
		t.Error("the text format has examples")
	}
}
