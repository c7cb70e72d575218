package apptest_test

import (
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
	"github.com/paddock-gate/paddock/internal/store"
)

// endlessChat begins a chat that does not end by itself and returns what it ends with.
func endlessChat(t *testing.T, a *apptest.App, credential string) (ended <-chan error) {
	t.Helper()
	stream, err := a.As(credential).Ollama.Chat(t.Context(), &paddockv1.ChatRequest{
		Model: "tiny-chat", Messages: []*paddockv1.ChatMessage{{Role: "user", Content: "hi"}},
	})
	must(t, err)
	if !stream.Receive() {
		t.Fatal(stream.Err())
	}
	end := make(chan error, 1)
	go func() {
		for stream.Receive() {
		}
		end <- stream.Err()
	}()
	return end
}

// works reports whether a call went well; an error must be for the reason.
func works(t *testing.T, err error, reason apierr.Reason) bool {
	t.Helper()
	if err != nil {
		apptest.WantReason(t, err, reason)
	}
	return err == nil
}

// wantStreams fails the test unless just the streams end that must, within two seconds (and some for a busy machine).
func wantStreams(t *testing.T, names []string, streams []<-chan error, ends []bool) {
	t.Helper()
	deadline := time.After(3 * time.Second)
	for i, stream := range streams {
		if !ends[i] {
			continue
		}
		select {
		case err := <-stream:
			apptest.WantReason(t, err, apierr.Unauthenticated)
		case <-deadline:
			t.Errorf("%s: the stream runs on", names[i])
		}
	}
	for i, stream := range streams {
		if ends[i] {
			continue
		}
		select {
		case err := <-stream:
			t.Errorf("%s: the stream ended: %v", names[i], err)
		default:
		}
	}
}

// TestLiveSession_EveryPlace checks that every place agrees whether a session is live: WhoAmI, ListSessions, the overview,
// Refresh, the watch over streams, and RevokeSession.
func TestLiveSession_EveryPlace(t *testing.T) {
	const accessTTL = 10 * time.Minute
	ago, ahead := -time.Minute, time.Hour
	states := []struct {
		name                       string
		revoked                    bool
		ends, refresh, rotated     time.Duration // from now
		known, listed, refreshable bool
	}{
		{name: "live", ends: ahead, refresh: ahead, rotated: 0, known: true, listed: true, refreshable: true},
		{name: "refresh token over", ends: ahead, refresh: ago, rotated: ago, known: true, listed: true},
		{name: "both tokens over", ends: ahead, refresh: ago, rotated: ago - accessTTL, known: true}, // its token is not, in this test
		{name: "at its end", ends: ago, refresh: ahead, rotated: 0},
		{name: "revoked", revoked: true, ends: ahead, refresh: ahead, rotated: 0},
	}
	apptest.EachWith(t, apptest.Env{"ACCESS_TOKEN_TTL": accessTTL.String()}, func(t *testing.T, a *apptest.App) {
		a.Upstream.Script("tiny-chat", ollamatest.Say("hello"), ollamatest.Hang())
		admin := a.As(a.Login(t, apptest.AdminEmail, apptest.AdminPassword).GetAccessToken())
		var names []string
		var streams []<-chan error
		var ends []bool
		for _, state := range states {
			p := a.NewPerson(t, "user")
			in := a.Login(t, p.GetEmail(), p.Password)
			as := a.As(in.GetAccessToken())
			who, err := as.Auth.WhoAmI(t.Context(), &paddockv1.WhoAmIRequest{})
			must(t, err)
			names, ends = append(names, state.name), append(ends, !state.known)
			streams = append(streams, endlessChat(t, a, in.GetAccessToken()))
			before := sessionsCounted(t, a)

			now := store.Now()
			var revoked *time.Time
			if state.revoked {
				revoked = &now
			}
			a.Exec(t, `UPDATE sessions SET revoked_at = $1, expires_at = $2, refresh_expires_at = $3, rotated_at = $4 WHERE id = $5`,
				revoked, now.Add(state.ends), now.Add(state.refresh), now.Add(state.rotated), who.GetSessionId())

			_, err = as.Auth.WhoAmI(t.Context(), &paddockv1.WhoAmIRequest{})
			if known := works(t, err, apierr.Unauthenticated); known != state.known {
				t.Errorf("%s: WhoAmI knows it: %t", state.name, known)
			}
			list, err := admin.Auth.ListSessions(t.Context(), &paddockv1.ListSessionsRequest{UserId: p.GetId()})
			must(t, err)
			if listed := len(list.GetSessions()) == 2; listed != state.listed { // beside that of NewPerson
				t.Errorf("%s: listed: %t", state.name, listed)
			}
			if counted := sessionsCounted(t, a) == before; counted != state.listed {
				t.Errorf("%s: counted: %t", state.name, counted)
			}
			_, err = a.As("").Auth.Refresh(t.Context(), &paddockv1.RefreshRequest{RefreshToken: in.GetRefreshToken()})
			if refreshed := works(t, err, apierr.Unauthenticated); refreshed != state.refreshable {
				t.Errorf("%s: refreshed: %t", state.name, refreshed)
			}
		}
		wantStreams(t, names, streams, ends)
	})
}

// TestRevokeSession_EveryPlace checks that a session that RevokeSession has ended is live in no place.
func TestRevokeSession_EveryPlace(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		p := a.NewPerson(t, "user")
		in := a.Login(t, p.GetEmail(), p.Password)
		who, err := a.As(in.GetAccessToken()).Auth.WhoAmI(t.Context(), &paddockv1.WhoAmIRequest{})
		must(t, err)
		before := sessionsCounted(t, a)
		_, err = a.As(p.Token).Auth.RevokeSession(t.Context(), &paddockv1.RevokeSessionRequest{Id: who.GetSessionId()})
		must(t, err)
		_, err = a.As(in.GetAccessToken()).Auth.WhoAmI(t.Context(), &paddockv1.WhoAmIRequest{})
		apptest.WantReason(t, err, apierr.Unauthenticated)
		_, err = a.As("").Auth.Refresh(t.Context(), &paddockv1.RefreshRequest{RefreshToken: in.GetRefreshToken()})
		apptest.WantReason(t, err, apierr.Unauthenticated)
		list, err := a.As(p.Token).Auth.ListSessions(t.Context(), &paddockv1.ListSessionsRequest{})
		must(t, err)
		if all := list.GetSessions(); len(all) != 1 || !all[0].GetCurrent() {
			t.Errorf("listed %v", all)
		}
		if n := sessionsCounted(t, a); n != before-1 {
			t.Errorf("%d sessions counted, %d before", n, before)
		}
	})
}

// TestLiveKey_EveryPlace checks that every place agrees whether a key is live: WhoAmI, the overview's number and its list of
// keys that expire soon, RotateCredential, and the watch over streams. Lists of keys show all, and why those that are not
// live are not.
func TestLiveKey_EveryPlace(t *testing.T) {
	states := []struct {
		name             string
		revoked, expires time.Duration // from now; 0: never
		live, expiring   bool
	}{
		{name: "without an end", live: true},
		{name: "expires soon", expires: time.Hour, live: true, expiring: true},
		{name: "expired", expires: -time.Second},
		{name: "revoked", revoked: -time.Second},
		{name: "revoked, expires soon", revoked: -time.Second, expires: time.Hour},
	}
	at := func(from time.Time, d time.Duration) *time.Time {
		if d == 0 {
			return nil
		}
		return new(from.Add(d))
	}
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		a.Upstream.Script("tiny-chat", ollamatest.Say("hello"), ollamatest.Hang())
		overview := func() *paddockv1.Overview {
			m, err := a.Admin().Overview.GetOverview(t.Context(), &paddockv1.GetOverviewRequest{})
			must(t, err)
			return m.GetOverview()
		}
		var names []string
		var streams []<-chan error
		var ends []bool
		for _, state := range states {
			p := a.NewPerson(t, "user")
			names, ends = append(names, state.name), append(ends, !state.live)
			streams = append(streams, endlessChat(t, a, p.Key))
			before, now := overview(), store.Now()
			a.Exec(t, `UPDATE credentials SET revoked_at = $1, expires_at = $2 WHERE id = $3`, at(now, state.revoked), at(now, state.expires), p.KeyID)

			_, err := a.As(p.Key).Auth.WhoAmI(t.Context(), &paddockv1.WhoAmIRequest{})
			if live := works(t, err, apierr.Unauthenticated); live != state.live {
				t.Errorf("%s: WhoAmI knows it: %t", state.name, live)
			}
			after := overview()
			if counted := after.GetApiKeys() == before.GetApiKeys(); counted != state.live {
				t.Errorf("%s: counted: %t", state.name, counted)
			}
			if expiring := len(after.GetExpiringKeys()) > len(before.GetExpiringKeys()); expiring != state.expiring {
				t.Errorf("%s: among those that expire soon: %t", state.name, expiring)
			}
			list, err := a.As(p.Token).Credentials.ListCredentials(t.Context(), &paddockv1.ListCredentialsRequest{})
			must(t, err)
			if all := list.GetCredentials(); len(all) != 1 || (all[0].GetRevokedAt() != nil) != (state.revoked != 0) ||
				(all[0].GetExpiresAt() != nil) != (state.expires != 0) {
				t.Errorf("%s: listed %v", state.name, all)
			}
			if !state.live { // else it would end the stream
				_, err = a.As(p.Token).Credentials.RotateCredential(t.Context(), &paddockv1.RotateCredentialRequest{Id: p.KeyID})
				apptest.WantReason(t, err, apierr.NotFoundReason)
			}
		}
		wantStreams(t, names, streams, ends)
	})
}
