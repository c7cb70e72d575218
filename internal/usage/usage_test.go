package usage_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

var hi = []*paddockv1.ChatMessage{{Role: "user", Content: "hi"}}

// TestUsage_OneRecordForEachCall: exact when it went well, what was produced when it was broken off, nothing when the upstream
// failed before it said anything.
func TestUsage_OneRecordForEachCall(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		p := a.NewPerson(t, "user")
		ask := &paddockv1.ChatRequest{Model: "tiny-chat", Messages: hi}
		for _, c := range []struct {
			name   string
			script []ollamatest.Step
			call   func() error
			want   *paddockv1.UsageRow
		}{
			{
				"a chat",
				[]ollamatest.Step{ollamatest.Say("a", "b"), ollamatest.Done("stop", 11, 2)},
				func() error { _, err := a.Chat(t.Context(), p.Key, ask); return err },
				&paddockv1.UsageRow{Requests: 1, PromptTokens: 11, CompletionTokens: 2},
			},
			{
				"a chat without counts",
				[]ollamatest.Step{ollamatest.Say("a", "b"), ollamatest.Done("stop", 0, 0)},
				func() error { _, err := a.Chat(t.Context(), p.Key, ask); return err },
				&paddockv1.UsageRow{Requests: 1, PromptTokens: 1, CompletionTokens: 2, Estimated: true},
			},
			{
				"a chat that the client leaves",
				[]ollamatest.Step{ollamatest.Say("a", "b", "c"), ollamatest.Hang()},
				func() error {
					ctx, cancel := context.WithCancel(t.Context())
					stream, err := a.As(p.Key).Ollama.Chat(ctx, ask)
					for n := 0; err == nil && n < 3 && stream.Receive(); n++ {
					}
					cancel()
					return err
				},
				&paddockv1.UsageRow{Requests: 1, PromptTokens: 1, CompletionTokens: 3, Estimated: true},
			},
			{
				"a chat that breaks off",
				[]ollamatest.Step{ollamatest.Say("a", "b"), ollamatest.Fail("the model has died")},
				func() error { _, _ = a.Chat(t.Context(), p.Key, ask); return nil },
				&paddockv1.UsageRow{Requests: 1, PromptTokens: 1, CompletionTokens: 2, Estimated: true},
			},
			{
				"a chat that fails at once",
				[]ollamatest.Step{ollamatest.Fail("the model has died")},
				func() error { _, _ = a.Chat(t.Context(), p.Key, ask); return nil },
				&paddockv1.UsageRow{Requests: 1, Estimated: true},
			},
			{
				"embeddings", nil,
				func() error {
					m, err := a.As(p.Key).Ollama.Embed(t.Context(), &paddockv1.EmbedRequest{Model: "tiny-embed", Input: []string{"a", "b"}})
					if err == nil && m.GetPromptTokens() == 0 {
						err = fmt.Errorf("no count in %v", m)
					}
					return err
				},
				nil,
			},
		} {
			before := a.Settled(t, p)
			if c.script != nil {
				a.Upstream.Script("tiny-chat", c.script...)
			}
			if err := c.call(); err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			after := a.Settled(t, p)
			got := &paddockv1.UsageRow{
				Requests:         after.GetRequests() - before.GetRequests(),
				PromptTokens:     after.GetPromptTokens() - before.GetPromptTokens(),
				CompletionTokens: after.GetCompletionTokens() - before.GetCompletionTokens(),
			}
			if c.want == nil {
				if got.GetRequests() != 1 || got.GetPromptTokens() == 0 || got.GetCompletionTokens() != 0 {
					t.Errorf("%s: %v", c.name, got)
				}
				continue
			}
			if got.GetRequests() != c.want.GetRequests() || got.GetPromptTokens() != c.want.GetPromptTokens() ||
				got.GetCompletionTokens() != c.want.GetCompletionTokens() {
				t.Errorf("%s: %v, want %v", c.name, got, c.want)
			}
			if c.want.GetEstimated() && !after.GetEstimated() {
				t.Errorf("%s is not marked as estimated", c.name)
			}
		}
		all := a.Settled(t, p)
		q, err := a.As(p.Key).Usage.GetQuota(t.Context(), &paddockv1.GetQuotaRequest{})
		if tokens := all.GetPromptTokens() + all.GetCompletionTokens(); err != nil || q.GetQuota().GetDay().GetUsed() != tokens ||
			q.GetQuota().GetMonth().GetUsed() != tokens || q.GetQuota().GetDay().GetReserved() != 0 {
			t.Errorf("%v, %v; the records say %v", q, err, all)
		}
	})
}

// TestQuota_RacingCalls: of 1,000 calls at once on three replicas, as many pass as the quota has room for.
// TestReserve_RacingReservations races harder, below the server.
func TestQuota_RacingCalls(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		a := apptest.Start(t, url, apptest.Env{"MAX_STREAMS_PER_USER": "1000"})
		replicas := []*apptest.App{a}
		if !a.Store.Embedded() {
			replicas = append(replicas, a.Replica(t), a.Replica(t))
		}
		p := a.NewPerson(t, "user")
		a.SetQuota(t, &paddockv1.SetQuotaRequest{UserId: p.GetId(), TokensPerDay: new(int64(400))})
		// Two tokens of prompt, as estimated, and two to answer with: room for 100.
		a.Upstream.Script("tiny-chat", ollamatest.Say("a"), ollamatest.Done("stop", 2, 2))
		ask := &paddockv1.ChatRequest{
			Model: "tiny-chat", Messages: []*paddockv1.ChatMessage{{Role: "user", Content: "hello"}},
			Options: &paddockv1.ChatOptions{NumPredict: new(int32(2))},
		}
		var passed, refused atomic.Int64
		var calls sync.WaitGroup
		for i := range 1000 {
			calls.Go(func() {
				_, err := replicas[i%len(replicas)].Chat(t.Context(), p.Key, ask)
				for apptest.Reason(err) == apierr.DatabaseUnavailable { // so many at once on a small machine
					_, err = replicas[i%len(replicas)].Chat(t.Context(), p.Key, ask)
				}
				switch {
				case err == nil:
					passed.Add(1)
				case apptest.Reason(err) == apierr.QuotaExceeded:
					refused.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		calls.Wait()
		used := a.Settled(t, p)
		if passed.Load() != 100 || refused.Load() != 900 || used.GetPromptTokens()+used.GetCompletionTokens() != 400 {
			t.Errorf("%d passed, %d were refused; used: %v", passed.Load(), refused.Load(), used)
		}
	})
}

// TestSweep_DeadReplica, by whoever lives, once, and at what their checkpoints say.
func TestSweep_DeadReplica(t *testing.T) {
	apptest.EachWith(t, apptest.Env{"DEFAULT_TOKENS_PER_DAY": "1000"}, func(t *testing.T, a *apptest.App) {
		p := a.NewPerson(t, "user")
		dead, now := uuid.New(), store.Now()
		day := now.Format(time.DateOnly)
		a.Exec(t, `INSERT INTO replicas (id, seen_at) VALUES ($1, $2)`, dead, now.Add(-time.Minute))
		for _, period := range []string{day, day[:7]} {
			a.Exec(t, `INSERT INTO usage_periods (id, user_id, period, requests, used, reserved) VALUES ($1, $2, $3, 0, 0, 900)`,
				p.GetId()+"/"+period, uuid.MustParse(p.GetId()), period)
		}
		for _, produced := range []int{0, 120, 300} {
			a.Exec(t, `INSERT INTO reservations (id, replica_id, user_id, kind, model, prompt_tokens, reserved, produced, started_at) `+
				`VALUES ($1, $2, $3, 'chat', 'tiny-chat:latest', 10, 300, $4, $5)`, uuid.New(), dead, uuid.MustParse(p.GetId()), produced, now)
		}
		used := settledWithin(t, a, p, 15*time.Second)
		if used.GetRequests() != 3 || used.GetPromptTokens() != 30 || used.GetCompletionTokens() != 420 || !used.GetEstimated() {
			t.Errorf("%v", used)
		}
		q, err := a.As(p.Key).Usage.GetQuota(t.Context(), &paddockv1.GetQuotaRequest{})
		if err != nil || q.GetQuota().GetDay().GetReserved() != 0 || q.GetQuota().GetDay().GetUsed() != 10+130+300 {
			t.Errorf("%v, %v", q, err)
		}
	})
}

func settledWithin(t testing.TB, a *apptest.App, p *apptest.Person, limit time.Duration) *paddockv1.UsageRow {
	t.Helper()
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if n, err := a.Store.Reservation.Query().Count(t.Context()); err == nil && n == 0 {
			break
		}
	}
	return a.Settled(t, p)
}
