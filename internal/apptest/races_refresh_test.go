package apptest_test

import (
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/ent/db/session"
	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
)

func refreshOn(t *testing.T, fleet []*apptest.App, i int, token string) (*paddockv1.RefreshResponse, error) {
	t.Helper()
	return of(fleet, i, "").Auth.Refresh(t.Context(), &paddockv1.RefreshRequest{RefreshToken: token})
}

// TestRaces_RefreshStorm refreshes one token many times at once, and its successor, and so on: each has one successor, the session moves
// on once, and nobody is taken for a thief.
func TestRaces_RefreshStorm(t *testing.T) {
	eachFleet(t, nil, func(t *testing.T, fleet []*apptest.App) {
		p := fleet[0].NewPerson(t)
		token := fleet[0].Login(t, p.GetEmail(), p.Password).GetRefreshToken()
		for round := 1; round <= raceRounds(8); round++ {
			successors := refreshAtOnce(t, fleet, token, 21)
			if len(successors) != 1 {
				t.Fatalf("round %d: %d successors", round, len(successors))
			}
			token = successors[0]
			s, err := fleet[0].Store.Session.Query().Where(session.UserID(uuid.MustParse(p.GetId()))).Order(session.ByCreatedAt()).All(t.Context())
			must(t, err)
			if s[len(s)-1].Generation != round {
				t.Fatalf("round %d: the session is at %d", round, s[len(s)-1].Generation)
			}
		}
		if n := entriesAbout(t, fleet[0], "refresh_reuse_detected", p.GetId()); n > 0 {
			t.Errorf("%d entries of reuse", n)
		}
	})
}

// refreshAtOnce refreshes the token so many times at once and returns the tokens that came, each once.
func refreshAtOnce(t *testing.T, fleet []*apptest.App, token string, times int) (successors []string) {
	t.Helper()
	var mu sync.Mutex
	seen := map[string]bool{}
	atOnce(times, func(i int) {
		m, err := refreshOn(t, fleet, i, token)
		if !wantReasons(t, "refresh", err) {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if !seen[m.GetRefreshToken()] {
			seen[m.GetRefreshToken()] = true
			successors = append(successors, m.GetRefreshToken())
		}
	})
	return successors
}

// TestRaces_RefreshReuse has a thief use an old token, many times at once, while its owner uses the newest: the session ends, whoever
// comes first, none of its tokens is good afterwards, and there is one entry.
func TestRaces_RefreshReuse(t *testing.T) {
	eachFleet(t, nil, func(t *testing.T, fleet []*apptest.App) {
		a := fleet[0]
		p := a.NewPerson(t)
		for round := range raceRounds(4) {
			in := a.Login(t, p.GetEmail(), p.Password)
			stolen, newest := in.GetRefreshToken(), in.GetRefreshToken()
			for range 2 {
				newest = refreshAtOnce(t, fleet, newest, 1)[0]
			}
			var mu sync.Mutex
			refresh, access := []string{stolen, newest}, []string{in.GetAccessToken()}
			atOnce(9, func(i int) {
				if i%3 == 0 {
					_, err := refreshOn(t, fleet, i/3, stolen)
					apptest.WantReason(t, err, apierr.Unauthenticated)
					return
				}
				m, err := refreshOn(t, fleet, i, newest)
				if wantReasons(t, "refresh", err, apierr.Unauthenticated) {
					mu.Lock()
					defer mu.Unlock()
					refresh, access = append(refresh, m.GetRefreshToken()), append(access, m.GetAccessToken())
				}
			})
			wantEnded(t, fleet, refresh, access)
			if n := entriesAbout(t, a, "refresh_reuse_detected", p.GetId()); n != round+1 {
				t.Fatalf("%d entries of reuse after %d rounds", n, round+1)
			}
		}
	})
}

// wantEnded fails the test unless all of a session's tokens are refused on all replicas.
func wantEnded(t *testing.T, fleet []*apptest.App, refresh, access []string) {
	t.Helper()
	for i := range fleet {
		for _, token := range refresh {
			_, err := refreshOn(t, fleet, i, token)
			apptest.WantReason(t, err, apierr.Unauthenticated)
		}
		for _, token := range access {
			_, err := of(fleet, i, token).Auth.WhoAmI(t.Context(), &paddockv1.WhoAmIRequest{})
			apptest.WantReason(t, err, apierr.Unauthenticated)
		}
	}
}

// TestRaces_RefreshSlowly refreshes on a replica that gets to know of the session late: what has become of it meanwhile counts, and is
// not undone.
func TestRaces_RefreshSlowly(t *testing.T) {
	t.Parallel()
	fleet, proxy := slowFleet(t)
	a := fleet[0]
	p := a.NewPerson(t)
	for round := range raceRounds(3) {
		in := a.Login(t, p.GetEmail(), p.Password)
		id := uuid.MustParse(sessionOf(t, a, in.GetAccessToken()))
		held, release := holdBack(proxy, id[:], []byte(id.String()))
		slowly := make(chan error, 1)
		go func() {
			_, err := refreshOn(t, fleet, 2, in.GetRefreshToken())
			slowly <- err
		}()
		await(t, "the session was read", held)
		newest := in.GetRefreshToken()
		switch round % 3 {
		case 0: // moved on: the reply may have been lost
			newest = refreshAtOnce(t, fleet[:2], newest, 2)[0]
			release()
			wantReasons(t, "refresh slowly", <-slowly)
			refreshAtOnce(t, fleet, newest, 6)
			continue
		case 1: // moved on twice: it was used again
			for range 2 {
				newest = refreshAtOnce(t, fleet[:2], newest, 2)[0]
			}
		default:
			_, err := a.As(in.GetAccessToken()).Auth.Logout(t.Context(), &paddockv1.LogoutRequest{})
			must(t, err)
		}
		release()
		apptest.WantReason(t, <-slowly, apierr.Unauthenticated)
		wantEnded(t, fleet, []string{newest, in.GetRefreshToken()}, []string{in.GetAccessToken()})
	}
}

func sessionOf(t *testing.T, a *apptest.App, access string) string {
	t.Helper()
	m, err := a.As(access).Auth.WhoAmI(t.Context(), &paddockv1.WhoAmIRequest{})
	must(t, err)
	return m.GetSessionId()
}
