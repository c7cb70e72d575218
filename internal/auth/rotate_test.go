package auth_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

func refresh(t testing.TB, a *apptest.App, token string) (*paddockv1.RefreshResponse, error) {
	t.Helper()
	return a.As("").Auth.Refresh(t.Context(), &paddockv1.RefreshRequest{RefreshToken: token})
}

// mustRefresh returns the token's successor.
func mustRefresh(t testing.TB, a *apptest.App, token string) string {
	t.Helper()
	m, err := refresh(t, a, token)
	if err != nil {
		t.Fatal(err)
	}
	return m.GetRefreshToken()
}

// age makes the rotation of the session that signed in last so much older.
func age(t testing.TB, a *apptest.App, by time.Duration) {
	t.Helper()
	if a.Exec(t, `UPDATE sessions SET rotated_at = $1 WHERE generation > 0`, store.Now().Add(-by)) == 0 {
		t.Fatal("no session has been refreshed")
	}
}

func TestRefresh_Rotates(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		p := a.NewPerson(t, "user")
		in := a.Login(t, p.GetEmail(), p.Password)
		token := in.GetRefreshToken()
		for range 3 {
			m, err := refresh(t, a, token)
			if err != nil {
				t.Fatal(err)
			}
			if m.GetRefreshToken() == token || m.GetTokenType() != "Bearer" || m.GetUser().GetEmail() != p.GetEmail() ||
				len(m.GetUser().GetRoles()) != 1 || time.Until(m.GetRefreshExpiresAt().AsTime()) < 23*time.Hour {
				t.Errorf("answer %v", m)
			}
			// The old access token lives on: only the session's end ends it.
			for _, access := range []string{in.GetAccessToken(), m.GetAccessToken()} {
				if err := whoAmI(t, a, access); err != nil {
					t.Error(err)
				}
			}
			token = m.GetRefreshToken()
		}
	})
}

func TestRefresh_LostReplyGetsTheSameSuccessor(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		p := a.NewPerson(t)
		first := a.Login(t, p.GetEmail(), p.Password).GetRefreshToken()
		second := mustRefresh(t, a, first)
		for range 3 {
			if again := mustRefresh(t, a, first); again != second {
				t.Errorf("asked again it is %q, not %q", again, second)
			}
		}
		third := mustRefresh(t, a, second)
		if third == second {
			t.Error("the successor did not rotate")
		}
		if n := len(a.Entries(t, "refresh_reuse")); n != 0 {
			t.Errorf("%d entries for lost replies", n)
		}
	})
}

func TestRefresh_ReuseEndsTheSession(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		for name, reuse := range map[string]func(first, second string) (reused, newest string){
			"of the parent, too late": func(first, second string) (string, string) {
				age(t, a, 11*time.Second)
				return first, second
			},
			"of the parent, after the clock was set back": func(first, second string) (string, string) {
				age(t, a, -time.Hour)
				return first, second
			},
			"of an older one, at once": func(first, second string) (string, string) {
				return first, mustRefresh(t, a, second)
			},
		} {
			p := a.NewPerson(t)
			in := a.Login(t, p.GetEmail(), p.Password)
			reused, newest := reuse(in.GetRefreshToken(), mustRefresh(t, a, in.GetRefreshToken()))
			for range 3 {
				_, err := refresh(t, a, reused)
				apptest.WantReason(t, err, apierr.Unauthenticated)
			}
			_, err := refresh(t, a, newest)
			apptest.WantReason(t, err, apierr.Unauthenticated)
			apptest.WantReason(t, whoAmI(t, a, in.GetAccessToken()), apierr.Unauthenticated)
			if err := whoAmI(t, a, p.Token); err != nil {
				t.Errorf("%s: another session of the same user: %v", name, err)
			}
			entries := a.Entries(t, "refresh_reuse_detected")
			if len(entries) == 0 || entries[0].GetTargetUserId() != p.GetId() || entries[0].GetOutcome() != "denied" ||
				len(entries) > 1 && entries[1].GetTargetUserId() == p.GetId() {
				t.Errorf("%s: entries %v", name, entries)
			}
		}
	})
}

func TestRefresh_ConcurrentCallsMakeOneSuccessor(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		p := a.NewPerson(t)
		in := a.Login(t, p.GetEmail(), p.Password)
		made := successors(t, a, in.GetRefreshToken())
		if len(made) != 1 {
			t.Errorf("%d successors", len(made))
		}
		for token := range made {
			mustRefresh(t, a, token)
		}
		if n := len(a.Entries(t, "refresh_reuse")); n != 0 {
			t.Errorf("%d entries of reuse", n)
		}

		// The same with a rotation that reads first and then writes what it has read: many believe that it was them.
		var read, moved sync.WaitGroup
		var believers atomic.Int64
		read.Add(10)
		for range 10 {
			moved.Go(func() {
				s, err := a.Store.Session.Query().First(t.Context())
				read.Done()
				read.Wait()
				if err != nil {
					t.Error(err)
					return
				}
				err = a.Store.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
					n, err := store.Exec(store.WithWrites(ctx), tx, `UPDATE sessions SET generation = $1 WHERE id = $2`, s.Generation+1, s.ID)
					believers.Add(n)
					return err
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		moved.Wait()
		if believers.Load() < 2 {
			t.Errorf("the naive rotation made %d successors: this test shows nothing", believers.Load())
		}
	})
}

// successors refreshes the token 50 times at once and returns what came.
func successors(t *testing.T, a *apptest.App, token string) map[string]bool {
	t.Helper()
	made := map[string]bool{}
	var mu sync.Mutex
	apptest.AtOnce(50, func(int) {
		m, err := refresh(t, a, token)
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			t.Error(err)
			return
		}
		made[m.GetRefreshToken()] = true
	})
	return made
}

func TestRefresh_ConcurrentCallsOnTwoReplicas(t *testing.T) {
	a := apptest.Start(t, storetest.PostgreSQL(t), nil)
	b := a.Replica(t)
	p := a.NewPerson(t)
	token := a.Login(t, p.GetEmail(), p.Password).GetRefreshToken()
	made := map[string]bool{}
	var mu sync.Mutex
	apptest.AtOnce(20, func(i int) {
		m, err := refresh(t, []*apptest.App{a, b}[i%2], token)
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			t.Error(err)
			return
		}
		made[m.GetRefreshToken()] = true
	})
	if len(made) != 1 {
		t.Errorf("%d successors", len(made))
	}
}

func TestRefresh_ForgedTokens(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		p, other := a.NewPerson(t), a.NewPerson(t)
		mine := a.Login(t, p.GetEmail(), p.Password).GetRefreshToken()
		theirs := a.Login(t, other.GetEmail(), other.Password).GetRefreshToken()
		second := mustRefresh(t, a, theirs)
		forged := mine[:4+22] + theirs[4+22:] // my session's id before their MAC
		for _, token := range []string{
			forged, theirs[:len(theirs)-2] + "AA", strings.ToLower(theirs), theirs + "A", theirs[4:], p.Token, p.Key, "pdr_", "x",
		} {
			_, err := refresh(t, a, token)
			apptest.WantReason(t, err, apierr.Unauthenticated)
		}
		mustRefresh(t, a, second)
		mustRefresh(t, a, mine)
		if n := len(a.Entries(t, "refresh_reuse")); n != 0 {
			t.Errorf("%d entries of reuse", n)
		}
		// Those who made them up are noise: one entry, and the rest counted.
		if n := len(a.Entries(t, "access_denied")); n != 1 {
			t.Errorf("%d entries of refusals", n)
		}
	})
}

func TestRefresh_AfterTheSessionsEnd(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		admin := a.Admin()
		inactive := false
		for name, end := range map[string]func(p *apptest.Person, session *apptest.Clients) error{
			"logout": func(_ *apptest.Person, session *apptest.Clients) error {
				_, err := session.Auth.Logout(t.Context(), &paddockv1.LogoutRequest{})
				return err
			},
			"disabled": func(p *apptest.Person, _ *apptest.Clients) error {
				_, err := admin.Users.UpdateUser(t.Context(), &paddockv1.UpdateUserRequest{Id: p.GetId(), Active: &inactive})
				return err
			},
			"deleted": func(p *apptest.Person, _ *apptest.Clients) error {
				_, err := admin.Users.DeleteUser(t.Context(), &paddockv1.DeleteUserRequest{Id: p.GetId()})
				return err
			},
			"password set": func(p *apptest.Person, _ *apptest.Clients) error {
				_, err := admin.Users.SetPassword(t.Context(), &paddockv1.SetPasswordRequest{UserId: p.GetId(), Password: "something else again"})
				return err
			},
			"password changed elsewhere": func(p *apptest.Person, _ *apptest.Clients) error {
				_, err := a.As(p.Token).Auth.ChangePassword(t.Context(), &paddockv1.ChangePasswordRequest{
					CurrentPassword: p.Password, NewPassword: "something else again",
				})
				return err
			},
			"revoked elsewhere": func(p *apptest.Person, session *apptest.Clients) error {
				who, err := session.Auth.WhoAmI(t.Context(), &paddockv1.WhoAmIRequest{})
				if err != nil {
					return err
				}
				_, err = a.As(p.Token).Auth.RevokeSession(t.Context(), &paddockv1.RevokeSessionRequest{Id: who.GetSessionId()})
				return err
			},
			"expired": func(p *apptest.Person, _ *apptest.Clients) error {
				a.Exec(t, `UPDATE sessions SET expires_at = $1 WHERE user_id = $2`, store.Now(), p.GetId())
				return nil
			},
		} {
			t.Run(name, func(t *testing.T) {
				p := a.NewPerson(t)
				in := a.Login(t, p.GetEmail(), p.Password)
				newest := mustRefresh(t, a, in.GetRefreshToken())
				if err := end(p, a.As(in.GetAccessToken())); err != nil {
					t.Fatal(err)
				}
				apptest.WantReason(t, whoAmI(t, a, in.GetAccessToken()), apierr.Unauthenticated)
				for _, token := range []string{newest, in.GetRefreshToken()} {
					_, err := refresh(t, a, token)
					apptest.WantReason(t, err, apierr.Unauthenticated)
				}
			})
		}
		if n := len(a.Entries(t, "refresh_reuse")); n != 0 {
			t.Errorf("%d entries of reuse", n)
		}
	})
}

func TestTokens_EndWithTheSession(t *testing.T) {
	env := apptest.Env{"ACCESS_TOKEN_TTL": "1s", "REFRESH_TOKEN_TTL": "20s", "SESSION_TTL": "40s"}
	apptest.EachWith(t, env, func(t *testing.T, a *apptest.App) {
		in := a.Login(t, apptest.AdminEmail, apptest.AdminPassword)
		if err := whoAmI(t, a, in.GetAccessToken()); err != nil {
			t.Error("a token of one second is not good at once:", err)
		}
		if left := time.Until(in.GetRefreshExpiresAt().AsTime()); left > 20*time.Second {
			t.Errorf("the refresh token lives for %s", left)
		}
		expired := in.GetAccessToken()
		token := in.GetRefreshToken()
		for _, left := range []time.Duration{10 * time.Second, 500 * time.Millisecond} {
			ends := store.Now().Add(left)
			a.Exec(t, `UPDATE sessions SET expires_at = $1`, ends)
			m, err := refresh(t, a, token)
			if err != nil {
				t.Fatal(err)
			}
			if m.GetRefreshExpiresAt().AsTime().After(ends) || m.GetExpiresAt().AsTime().After(ends) {
				t.Errorf("with %s left the tokens expire at %s and %s, the session at %s", left,
					m.GetRefreshExpiresAt().AsTime(), m.GetExpiresAt().AsTime(), ends)
			}
			token = m.GetRefreshToken()
		}
		a.Exec(t, `UPDATE sessions SET expires_at = $1, refresh_expires_at = $2`, store.Now().Add(time.Hour), store.Now())
		_, err := refresh(t, a, token)
		apptest.WantReason(t, err, apierr.Unauthenticated)
		time.Sleep(time.Until(in.GetExpiresAt().AsTime()))
		apptest.WantReason(t, whoAmI(t, a, expired), apierr.Unauthenticated)
	})
}
