package quotas_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
)

var hi = []*paddockv1.ChatMessage{{Role: "user", Content: "hi"}}

func TestGetUsage_Grouped(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		p, stranger := a.NewPerson(t, "user"), a.NewPerson(t, "user")
		for _, c := range []struct{ credential, model string }{{p.Key, "tiny-chat"}, {p.Key, "TINY-chat:latest"}, {p.Token, "tiny-chat"}, {p.Key, "tiny-slow"}} {
			a.Upstream.Script(strings.ToLower(strings.TrimSuffix(c.model, ":latest")), ollamatest.Say("a"), ollamatest.Done("stop", 3, 1))
			if _, err := a.Chat(t.Context(), c.credential, &paddockv1.ChatRequest{Model: c.model, Messages: hi}); err != nil {
				t.Fatal(err)
			}
		}
		a.Settled(t, p)
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
			for _, r := range a.UsageOf(t, p, c.by...).GetRows() {
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
		q := a.SetQuota(t, &paddockv1.SetQuotaRequest{UserId: p.GetId(), TokensPerDay: new(int64(12))})
		if q.GetTokensPerDay() != 12 || q.TokensPerMonth != nil || q.GetDay().GetLimit() != 12 || q.GetMonth().GetLimit() != 1000 {
			t.Errorf("%v", q)
		}
		entry := a.Entries(t, "quota_changed")[0]
		if entry.GetTargetUserId() != p.GetId() || !strings.Contains(entry.GetDetail(), "tokens per day 12") {
			t.Errorf("entry %v", entry)
		}
		ask := &paddockv1.ChatRequest{Model: "tiny-chat", Messages: hi, Options: &paddockv1.ChatOptions{NumPredict: new(int32(500))}}
		if _, err := a.Chat(t.Context(), p.Key, ask); err != nil {
			t.Fatal(err)
		}
		a.Settled(t, p)
		if sent := string(a.Upstream.To("/api/chat")[0].Body); !strings.Contains(sent, `"num_predict":11`) {
			t.Errorf("the answer was not cut to what is left: %s", sent)
		}
		if _, err := a.Chat(t.Context(), p.Key, ask); err != nil { // two are left, one for the prompt and one to answer
			t.Fatal(err)
		}
		a.Settled(t, p)
		_, err := a.Chat(t.Context(), p.Key, ask)
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
		a.SetQuota(t, &paddockv1.SetQuotaRequest{UserId: shut.GetId(), TokensPerDay: new(int64(0))})
		_, err = a.As(shut.Key).Ollama.Embed(t.Context(), &paddockv1.EmbedRequest{Model: "tiny-embed", Input: []string{""}})
		apptest.WantReason(t, err, apierr.QuotaExceeded)
		// None of one's own, and none for the day, is the default again.
		q = a.SetQuota(t, &paddockv1.SetQuotaRequest{UserId: p.GetId()})
		if q.TokensPerDay != nil || q.GetDay().Limit != nil || q.GetMonth().GetLimit() != 1000 {
			t.Errorf("%v", q)
		}
		if _, err := a.Chat(t.Context(), p.Key, ask); err != nil {
			t.Error(err)
		}
		_, err = a.Admin().Usage.SetQuota(t.Context(), &paddockv1.SetQuotaRequest{UserId: uuid.NewString()})
		apptest.WantReason(t, err, apierr.NotFoundReason)
	})
}
