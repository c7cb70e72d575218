package apptest_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// TestDatabaseUnavailable_MidStream checks that running calls go on to their end when the database fails, and are settled
// exactly when it is back; new calls are refused because it is unavailable, and not because their quota is exceeded.
func TestDatabaseUnavailable_MidStream(t *testing.T) {
	t.Parallel()
	cluster := storetest.NewCluster(t)
	readOnly := func(value string) func(string) {
		return func(url string) {
			conn, err := pgx.Connect(t.Context(), url)
			must(t, err)
			defer conn.Close(context.WithoutCancel(t.Context()))
			for _, statement := range []string{"ALTER SYSTEM SET default_transaction_read_only = " + value, "SELECT pg_reload_conf()"} {
				_, err := conn.Exec(t.Context(), statement)
				must(t, err)
			}
		}
	}
	for _, c := range []struct {
		name       string
		away, back func(url string)
	}{
		{"stopped", func(string) { must(t, cluster.Stop()) }, func(string) { must(t, cluster.Start(t.Context())) }},
		{"read-only", readOnly("on"), readOnly("off")}, // as after a failover, or with a full disk
	} {
		a := apptest.Start(t, cluster.Database(t), apptest.Env{"DEFAULT_TOKENS_PER_DAY": "1000000"})
		p := a.NewPerson(t, "user")
		gate := make(chan struct{})
		a.Upstream.Script("tiny-chat", ollamatest.Say("a"), ollamatest.Until(gate), ollamatest.Say("b", "c"), ollamatest.Done("stop", 11, 3))
		var streams sync.WaitGroup
		const each = 5
		for range each {
			streams.Go(func() {
				if err := chatWith(t, a, p.Key, "tiny-chat"); err != nil {
					t.Errorf("%s: by RPC: %v", c.name, err)
				}
			})
			streams.Go(func() {
				if err := postAll(t.Context(), a, p.Key, "/api/chat", `{"model":"tiny-chat","messages":[{"role":"user","content":"hi"}]}`); err != nil {
					t.Errorf("%s: through the gateway: %v", c.name, err)
				}
			})
		}
		for deadline := time.Now().Add(20 * time.Second); a.Upstream.Active() < 2*each; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s: only %d calls run", c.name, a.Upstream.Active())
			}
		}
		c.away(a.Database)
		refused := func() (told bool) {
			err := chatWith(t, a, p.Key, "tiny-embed") // which does not chat, should it come so far
			if told = apptest.Reason(err) == apierr.DatabaseUnavailable; !told && c.name == "stopped" {
				t.Errorf("%s: by RPC: %v", c.name, err)
			}
			return told
		}
		for deadline := time.Now().Add(10 * time.Second); !refused() && time.Now().Before(deadline); { // a reload takes a moment
		}
		for range 3 {
			if !refused() {
				t.Errorf("%s: a call was admitted", c.name)
			}
			got := askGateway(t, a, http.MethodPost, "/v1/chat/completions", p.Key, `{"model":"tiny-chat","messages":[{"role":"user","content":"hi"}]}`)
			if got.StatusCode != http.StatusServiceUnavailable || !strings.Contains(got.body, string(apierr.DatabaseUnavailable)) {
				t.Errorf("%s: through the gateway: %d %s", c.name, got.StatusCode, got.body)
			}
		}
		before := len(a.Upstream.Posts())
		close(gate)
		streams.Wait()
		c.back(a.Database)
		var all *paddockv1.UsageRow
		for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
			m, err := a.As(p.Key).Usage.GetUsage(t.Context(), &paddockv1.GetUsageRequest{GroupBy: []string{"model"}})
			if err != nil {
				continue
			}
			for _, row := range m.GetRows() {
				if row.GetModel() == "tiny-chat:latest" {
					all = row
				}
			}
			if all.GetRequests() >= 2*each {
				break
			}
		}
		if all.GetRequests() != 2*each || all.GetPromptTokens() != 2*each*11 || all.GetCompletionTokens() != 2*each*3 || all.GetEstimated() {
			t.Errorf("%s: %v", c.name, all)
		}
		m, err := a.As(p.Key).Usage.GetQuota(t.Context(), &paddockv1.GetQuotaRequest{})
		if err != nil || m.GetQuota().GetDay().GetReserved() != 0 || m.GetQuota().GetDay().GetUsed() != 2*each*14 {
			t.Errorf("%s: %v, %v", c.name, m, err)
		}
		if n := len(a.Upstream.Posts()); n != before {
			t.Errorf("%s: %d requests went upstream, %d before", c.name, n, before)
		}
		must(t, a.Stop())
	}
}
