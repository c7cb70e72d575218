package overview_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"entgo.io/ent"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
)

func get(ctx context.Context, t *testing.T, a *apptest.App) *paddockv1.Overview {
	t.Helper()
	m, err := a.Admin().Overview.GetOverview(ctx, &paddockv1.GetOverviewRequest{})
	if err != nil {
		t.Fatal(err)
	}
	return m.GetOverview()
}

func TestGetOverview_Counts(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		ada, bob := a.NewPerson(t, "user"), a.NewPerson(t)
		inactive := false
		if _, err := a.Admin().Users.UpdateUser(t.Context(), &paddockv1.UpdateUserRequest{Id: bob.GetId(), Active: &inactive}); err != nil {
			t.Fatal(err)
		}
		for _, in := range []time.Duration{40 * 24 * time.Hour, 2 * 24 * time.Hour, 24 * time.Hour} {
			_, err := a.As(ada.Key).Credentials.IssueApiKey(t.Context(), &paddockv1.IssueApiKeyRequest{
				Label: in.String(), ExpiresAt: timestamppb.New(time.Now().Add(in)),
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		_, _ = a.As("").Auth.Login(t.Context(), &paddockv1.LoginRequest{Email: ada.GetEmail(), Password: "wrong"})

		o := get(t.Context(), t, a)
		if o.GetUsers() != 3 || o.GetActiveUsers() != 2 || o.GetSessions() != 1 || o.GetApiKeys() != 6 {
			t.Errorf("users %d, active %d, sessions %d, keys %d, want 3, 2, 1, 6",
				o.GetUsers(), o.GetActiveUsers(), o.GetSessions(), o.GetApiKeys())
		}
		expiring := o.GetExpiringKeys()
		if len(expiring) != 2 || expiring[0].GetCredential().GetLabel() != "24h0m0s" || expiring[0].GetUserEmail() != ada.GetEmail() {
			t.Errorf("expiring keys %v", expiring)
		}
		days := o.GetSignInDays()
		if len(days) != 28 || days[27].GetDay() != time.Now().UTC().Format(time.DateOnly) {
			t.Fatalf("days %v", days)
		}
		if today := days[27]; today.GetSucceeded() != 2 || today.GetFailed() != 1 {
			t.Errorf("today %v, want 2 sign-ins and 1 failure", today)
		}
		if db := o.GetDatabase(); (db.GetKind() == "sqlite") != a.Store.Embedded() || db.GetConnectionsMax() == 0 {
			t.Errorf("database %v", db)
		}
	})
}

// TestGetOverview_SignInsAreListed: the audit trail lists as many entries from the day's beginning to the time of the overview as
// are counted, whatever happens afterwards or happened the day before.
func TestGetOverview_SignInsAreListed(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		fail := func() {
			_, _ = a.As("").Auth.Login(t.Context(), &paddockv1.LoginRequest{Email: "nobody@example.com", Password: "wrong"})
		}
		fail()
		fail()
		o := get(t.Context(), t, a)
		time.Sleep(time.Until(o.GetTakenAt().AsTime()))
		fail()
		day := o.GetSignInDays()[27]
		from, err := time.Parse(time.DateOnly, day.GetDay())
		if err != nil {
			t.Fatal(err)
		}
		m, err := a.Admin().Audit.ListAuditEntries(t.Context(), &paddockv1.ListAuditEntriesRequest{
			EventType: "login_failure", OccurredAfter: timestamppb.New(from), OccurredBefore: o.GetTakenAt(),
		})
		if err != nil || len(m.GetEntries()) != int(day.GetFailed()) || day.GetFailed() != 2 {
			t.Errorf("%d failed of which %d are listed, want 2; %v", day.GetFailed(), len(m.GetEntries()), err)
		}
	})
}

func TestGetOverview_UpstreamDown(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		if up := get(t.Context(), t, a).GetUpstreams(); len(up) != 1 || !up[0].GetUp() || up[0].GetProblem() != "" {
			t.Errorf("upstreams %v, want one that is up", up)
		}
		a.Upstream.Stop()
		if up := get(t.Context(), t, a).GetUpstreams(); len(up) != 1 || up[0].GetUp() || up[0].GetProblem() == "" {
			t.Errorf("upstreams %v, want one that is down and why", up)
		}
	})
}

// TestGetOverview_OwnerDeletedMeanwhile: keys and their owners are read one after the other.
func TestGetOverview_OwnerDeletedMeanwhile(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		p := a.NewPerson(t, "user")
		soon := timestamppb.New(time.Now().Add(time.Hour))
		if _, err := a.As(p.Token).Credentials.IssueApiKey(t.Context(), &paddockv1.IssueApiKeyRequest{Label: "x", ExpiresAt: soon}); err != nil {
			t.Fatal(err)
		}
		var done atomic.Bool
		a.Store.User.Intercept(ent.InterceptFunc(func(next ent.Querier) ent.Querier {
			return ent.QuerierFunc(func(ctx context.Context, q ent.Query) (ent.Value, error) {
				if ent.QueryFromContext(ctx).Op == ent.OpQueryAll && done.CompareAndSwap(false, true) {
					if _, err := a.Admin().Users.DeleteUser(t.Context(), &paddockv1.DeleteUserRequest{Id: p.GetId()}); err != nil {
						t.Error(err)
					}
				}
				return next.Query(ctx, q)
			})
		}))
		m, err := a.Admin().Overview.GetOverview(t.Context(), &paddockv1.GetOverviewRequest{})
		if err != nil || len(m.GetOverview().GetExpiringKeys()) != 0 {
			t.Errorf("%v, %v", m.GetOverview().GetExpiringKeys(), err)
		}
	})
}

// TestGetOverview_UsageDays: the chart's last day has what was called just now, of everybody.
func TestGetOverview_UsageDays(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		var want paddockv1.UsageDay
		for range 2 {
			p := a.NewPerson(t, "user")
			if _, err := a.As(p.Key).Ollama.Embed(t.Context(), &paddockv1.EmbedRequest{Model: "tiny-embed", Input: []string{"a", "bc"}}); err != nil {
				t.Fatal(err)
			}
			for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) { // it is written a moment later
				m, err := a.As(p.Key).Usage.GetUsage(t.Context(), &paddockv1.GetUsageRequest{})
				if err != nil || time.Now().After(deadline) {
					t.Fatalf("no usage is recorded: %v", err)
				}
				if row := m.GetRows()[0]; row.GetRequests() == 1 {
					want.Requests++
					want.Tokens += row.GetPromptTokens() + row.GetCompletionTokens()
					break
				}
			}
		}
		days := get(t.Context(), t, a).GetUsageDays()
		if len(days) != 28 || days[27].GetDay() != time.Now().UTC().Format(time.DateOnly) {
			t.Fatalf("days %v", days)
		}
		if today := days[27]; today.GetRequests() != want.GetRequests() || today.GetTokens() != want.GetTokens() || want.GetTokens() == 0 {
			t.Errorf("today %v, want %d requests and %d tokens", today, want.GetRequests(), want.GetTokens())
		}
		if before := days[26]; before.GetRequests() != 0 || before.GetTokens() != 0 {
			t.Errorf("yesterday %v", before)
		}
	})
}
