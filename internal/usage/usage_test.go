package usage_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

var hi = []*paddockv1.ChatMessage{{Role: "user", Content: "hi"}}

// settled waits until every call is settled, which is a moment after the answer, and returns the usage that there is in all.
func settled(t testing.TB, a *apptest.App, of *apptest.Person) *paddockv1.UsageRow {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		n := a.Unsettled()
		if n == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d calls are not settled", n)
		}
	}
	return usageOf(t, a, of).GetRows()[0]
}

func usageOf(t testing.TB, a *apptest.App, of *apptest.Person, by ...string) *paddockv1.GetUsageResponse {
	t.Helper()
	m, err := a.As(of.Key).Usage.GetUsage(t.Context(), &paddockv1.GetUsageRequest{GroupBy: by})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func setQuota(t testing.TB, a *apptest.App, req *paddockv1.SetQuotaRequest) *paddockv1.Quota {
	t.Helper()
	m, err := a.Admin().Usage.SetQuota(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return m.GetQuota()
}

func chat(ctx context.Context, a *apptest.App, key string, req *paddockv1.ChatRequest) (pieces int, err error) {
	stream, err := a.As(key).Ollama.Chat(ctx, req)
	if err != nil {
		return 0, err
	}
	defer stream.Close()
	for stream.Receive() {
		pieces++
	}
	return pieces, stream.Err()
}

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
				func() error { _, err := chat(t.Context(), a, p.Key, ask); return err },
				&paddockv1.UsageRow{Requests: 1, PromptTokens: 11, CompletionTokens: 2},
			},
			{
				"a chat without counts",
				[]ollamatest.Step{ollamatest.Say("a", "b"), ollamatest.Done("stop", 0, 0)},
				func() error { _, err := chat(t.Context(), a, p.Key, ask); return err },
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
				func() error { _, _ = chat(t.Context(), a, p.Key, ask); return nil },
				&paddockv1.UsageRow{Requests: 1, PromptTokens: 1, CompletionTokens: 2, Estimated: true},
			},
			{
				"a chat that fails at once",
				[]ollamatest.Step{ollamatest.Fail("the model has died")},
				func() error { _, _ = chat(t.Context(), a, p.Key, ask); return nil },
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
			before := settled(t, a, p)
			if c.script != nil {
				a.Upstream.Script("tiny-chat", c.script...)
			}
			if err := c.call(); err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			after := settled(t, a, p)
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
		all := settled(t, a, p)
		q, err := a.As(p.Key).Usage.GetQuota(t.Context(), &paddockv1.GetQuotaRequest{})
		if tokens := all.GetPromptTokens() + all.GetCompletionTokens(); err != nil || q.GetQuota().GetDay().GetUsed() != tokens ||
			q.GetQuota().GetMonth().GetUsed() != tokens || q.GetQuota().GetDay().GetReserved() != 0 {
			t.Errorf("%v, %v; the records say %v", q, err, all)
		}
	})
}

func TestGetUsage_Grouped(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		p, stranger := a.NewPerson(t, "user"), a.NewPerson(t, "user")
		for _, c := range []struct{ credential, model string }{{p.Key, "tiny-chat"}, {p.Key, "TINY-chat:latest"}, {p.Token, "tiny-chat"}, {p.Key, "tiny-slow"}} {
			a.Upstream.Script(strings.ToLower(strings.TrimSuffix(c.model, ":latest")), ollamatest.Say("a"), ollamatest.Done("stop", 3, 1))
			if _, err := chat(t.Context(), a, c.credential, &paddockv1.ChatRequest{Model: c.model, Messages: hi}); err != nil {
				t.Fatal(err)
			}
		}
		settled(t, a, p)
		today := time.Now().UTC().Format(time.DateOnly)
		for _, c := range []struct {
			by   []string
			want string
		}{
			{nil, "//:4"},
			{[]string{"day"}, today + "//:4"},
			{[]string{"model"}, "/tiny-chat:latest/:3 /tiny-slow:latest/:1"},
			{[]string{"credential", "model"}, "/tiny-chat:latest/:1 /tiny-chat:latest/" + p.KeyID + ":2 /tiny-slow:latest/" + p.KeyID + ":1"},
		} {
			rows := map[string]bool{}
			for _, r := range usageOf(t, a, p, c.by...).GetRows() {
				rows[fmt.Sprintf("%s/%s/%s:%d", r.GetDay(), r.GetModel(), r.GetCredentialId(), r.GetRequests())] = true
			}
			for want := range strings.FieldsSeq(c.want) {
				if !rows[want] {
					t.Errorf("by %v: %v, without %s", c.by, rows, want)
				}
			}
			if len(rows) != len(strings.Fields(c.want)) {
				t.Errorf("by %v: %v", c.by, rows)
			}
		}
		_, err := a.As(stranger.Key).Usage.GetUsage(t.Context(), &paddockv1.GetUsageRequest{UserId: p.GetId()})
		apptest.WantReason(t, err, apierr.NotFoundReason)
		_, err = a.As(stranger.Key).Usage.GetQuota(t.Context(), &paddockv1.GetQuotaRequest{UserId: p.GetId()})
		apptest.WantReason(t, err, apierr.NotFoundReason)
		_, err = a.Admin().Usage.GetUsage(t.Context(), &paddockv1.GetUsageRequest{UserId: uuid.NewString()})
		apptest.WantReason(t, err, apierr.NotFoundReason)
		if m, err := a.Admin().Usage.GetUsage(t.Context(), &paddockv1.GetUsageRequest{UserId: p.GetId()}); err != nil || m.GetRows()[0].GetRequests() != 4 {
			t.Errorf("to an admin: %v, %v", m, err)
		}
	})
}

func TestQuota_SetAndKept(t *testing.T) {
	apptest.EachWith(t, apptest.Env{"DEFAULT_TOKENS_PER_MONTH": "1000"}, func(t *testing.T, a *apptest.App) {
		p := a.NewPerson(t, "user")
		a.Upstream.Script("tiny-chat", ollamatest.Say("a"), ollamatest.Done("stop", 3, 7))
		q := setQuota(t, a, &paddockv1.SetQuotaRequest{UserId: p.GetId(), TokensPerDay: new(int64(12))})
		if q.GetTokensPerDay() != 12 || q.TokensPerMonth != nil || q.GetDay().GetLimit() != 12 || q.GetMonth().GetLimit() != 1000 {
			t.Errorf("%v", q)
		}
		entry := a.Entries(t, "quota_changed")[0]
		if entry.GetTargetUserId() != p.GetId() || !strings.Contains(entry.GetDetail(), "tokens per day 12") {
			t.Errorf("entry %v", entry)
		}
		ask := &paddockv1.ChatRequest{Model: "tiny-chat", Messages: hi, Options: &paddockv1.ChatOptions{NumPredict: new(int32(500))}}
		if _, err := chat(t.Context(), a, p.Key, ask); err != nil {
			t.Fatal(err)
		}
		settled(t, a, p)
		if sent := string(a.Upstream.To("/api/chat")[0].Body); !strings.Contains(sent, `"num_predict":11`) {
			t.Errorf("the answer was not cut to what is left: %s", sent)
		}
		if _, err := chat(t.Context(), a, p.Key, ask); err != nil { // two are left, one for the prompt and one to answer
			t.Fatal(err)
		}
		settled(t, a, p)
		_, err := chat(t.Context(), a, p.Key, ask)
		apptest.WantReason(t, err, apierr.QuotaExceeded)
		if connect.CodeOf(err) != connect.CodeResourceExhausted || !strings.Contains(err.Error(), "12 of 12 tokens used this day") {
			t.Error(err)
		}
		me, err := a.As(p.Key).Auth.WhoAmI(t.Context(), &paddockv1.WhoAmIRequest{})
		if err != nil || me.GetQuota().GetDay().GetUsed() != 12 || me.GetQuota().GetDay().GetLimit() != 12 {
			t.Errorf("%v, %v", me, err)
		}
		// A quota of none lets nothing pass, not even what costs nothing.
		shut := a.NewPerson(t, "user")
		setQuota(t, a, &paddockv1.SetQuotaRequest{UserId: shut.GetId(), TokensPerDay: new(int64(0))})
		_, err = a.As(shut.Key).Ollama.Embed(t.Context(), &paddockv1.EmbedRequest{Model: "tiny-embed", Input: []string{""}})
		apptest.WantReason(t, err, apierr.QuotaExceeded)
		// None of one's own, and none for the day, is the default again.
		q = setQuota(t, a, &paddockv1.SetQuotaRequest{UserId: p.GetId()})
		if q.TokensPerDay != nil || q.GetDay().Limit != nil || q.GetMonth().GetLimit() != 1000 {
			t.Errorf("%v", q)
		}
		if _, err := chat(t.Context(), a, p.Key, ask); err != nil {
			t.Error(err)
		}
		_, err = a.Admin().Usage.SetQuota(t.Context(), &paddockv1.SetQuotaRequest{UserId: uuid.NewString()})
		apptest.WantReason(t, err, apierr.NotFoundReason)
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
		setQuota(t, a, &paddockv1.SetQuotaRequest{UserId: p.GetId(), TokensPerDay: new(int64(400))})
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
				_, err := chat(t.Context(), replicas[i%len(replicas)], p.Key, ask)
				for apptest.Reason(err) == apierr.DatabaseUnavailable { // so many at once on a small machine
					_, err = chat(t.Context(), replicas[i%len(replicas)], p.Key, ask)
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
		used := settled(t, a, p)
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
	return settled(t, a, p)
}
