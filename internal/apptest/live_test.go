package apptest_test

import (
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/store"
)

// TestLiveSession_AccessOutlivesRefresh checks that a session whose access token still works is listed, counted and can be
// revoked, also when its refresh token has expired.
func TestLiveSession_AccessOutlivesRefresh(t *testing.T) {
	apptest.EachWith(t, apptest.Env{"REFRESH_TOKEN_TTL": "1s", "ACCESS_TOKEN_TTL": "10m"}, func(t *testing.T, a *apptest.App) {
		m := a.Login(t, apptest.AdminEmail, apptest.AdminPassword)
		time.Sleep(1100 * time.Millisecond)
		as := a.As(m.GetAccessToken())
		_, err := as.Auth.WhoAmI(t.Context(), &paddockv1.WhoAmIRequest{})
		must(t, err)
		list, err := as.Auth.ListSessions(t.Context(), &paddockv1.ListSessionsRequest{})
		must(t, err)
		if all := list.GetSessions(); len(all) != 1 || !all[0].GetCurrent() || time.Until(all[0].GetExpiresAt().AsTime()) < 9*time.Minute {
			t.Fatalf("listed %v", all)
		}
		if n := sessionsCounted(t, a); n != 1 {
			t.Errorf("%d sessions counted", n)
		}
		_, err = as.Auth.RevokeSession(t.Context(), &paddockv1.RevokeSessionRequest{Id: list.GetSessions()[0].GetId()})
		must(t, err)
		if _, err := as.Auth.WhoAmI(t.Context(), &paddockv1.WhoAmIRequest{}); connect.CodeOf(err) != connect.CodeUnauthenticated {
			t.Errorf("after the revocation: %v", err)
		}
		if n := sessionsCounted(t, a); n != 0 {
			t.Errorf("%d sessions counted after the revocation", n)
		}
	})
}

// TestLiveSession_AllTokensExpired checks that a session is not live when all of its tokens have expired, even before its
// own end.
func TestLiveSession_AllTokensExpired(t *testing.T) {
	apptest.EachWith(t, apptest.Env{"REFRESH_TOKEN_TTL": "1s", "ACCESS_TOKEN_TTL": "1s"}, func(t *testing.T, a *apptest.App) {
		m := a.Login(t, apptest.AdminEmail, apptest.AdminPassword)
		time.Sleep(1100 * time.Millisecond)
		if _, err := a.As(m.GetAccessToken()).Auth.WhoAmI(t.Context(), &paddockv1.WhoAmIRequest{}); connect.CodeOf(err) != connect.CodeUnauthenticated {
			t.Errorf("the access token: %v", err)
		}
		if n := sessionsCounted(t, a); n != 0 {
			t.Errorf("%d sessions counted", n)
		}
	})
}

// TestLiveSession_LostReply checks that the access token that a repeated refresh returns ends with what is listed, not
// later.
func TestLiveSession_LostReply(t *testing.T) {
	apptest.EachWith(t, apptest.Env{"REFRESH_TOKEN_TTL": "20s", "ACCESS_TOKEN_TTL": "10m"}, func(t *testing.T, a *apptest.App) {
		first := a.Login(t, apptest.AdminEmail, apptest.AdminPassword).GetRefreshToken()
		again := func() *paddockv1.RefreshResponse {
			t.Helper()
			m, err := a.As("").Auth.Refresh(t.Context(), &paddockv1.RefreshRequest{RefreshToken: first})
			must(t, err)
			return m
		}
		again()
		a.Exec(t, `UPDATE sessions SET rotated_at = $1`, store.Now().Add(-5*time.Second))
		m := again()
		list, err := a.As(m.GetAccessToken()).Auth.ListSessions(t.Context(), &paddockv1.ListSessionsRequest{})
		must(t, err)
		if ends, token := list.GetSessions()[0].GetExpiresAt().AsTime(), m.GetExpiresAt().AsTime(); token.After(ends) {
			t.Errorf("the session ends at %s, its access token at %s", ends, token)
		}
	})
}

func sessionsCounted(t *testing.T, a *apptest.App) int32 {
	t.Helper()
	m, err := a.Admin().Overview.GetOverview(t.Context(), &paddockv1.GetOverviewRequest{})
	must(t, err)
	return m.GetOverview().GetSessions()
}
