package apptest_test

import (
	"context"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/secret"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// end is a way in which the rights of an admin's key or session, or of both, come to their end.
type end struct {
	name         string
	key, session bool
	by           func(ctx context.Context, by *apptest.Clients, p *apptest.Person, session string) error
}

var ends = []end{
	{"key revoked", true, false, func(ctx context.Context, by *apptest.Clients, p *apptest.Person, _ string) error {
		_, err := by.Credentials.RevokeCredential(ctx, &paddockv1.RevokeCredentialRequest{Id: p.KeyID})
		return err
	}},
	{"key rotated", true, false, func(ctx context.Context, by *apptest.Clients, p *apptest.Person, _ string) error {
		_, err := by.Credentials.RotateCredential(ctx, &paddockv1.RotateCredentialRequest{Id: p.KeyID})
		return err
	}},
	{"session revoked", false, true, func(ctx context.Context, by *apptest.Clients, _ *apptest.Person, session string) error {
		_, err := by.Auth.RevokeSession(ctx, &paddockv1.RevokeSessionRequest{Id: session})
		return err
	}},
	{"password set", false, true, func(ctx context.Context, by *apptest.Clients, p *apptest.Person, _ string) error {
		_, err := by.Users.SetPassword(ctx, &paddockv1.SetPasswordRequest{UserId: p.GetId(), Password: "another horse entirely"})
		return err
	}},
	{"deactivated", true, true, func(ctx context.Context, by *apptest.Clients, p *apptest.Person, _ string) error {
		_, err := by.Users.UpdateUser(ctx, &paddockv1.UpdateUserRequest{Id: p.GetId(), Active: new(false)})
		return err
	}},
	{"demoted", true, true, func(ctx context.Context, by *apptest.Clients, p *apptest.Person, _ string) error {
		_, err := by.Users.UpdateUser(ctx, &paddockv1.UpdateUserRequest{Id: p.GetId(), Roles: &structpb.ListValue{}})
		return err
	}},
	{"deleted", true, true, func(ctx context.Context, by *apptest.Clients, p *apptest.Person, _ string) error {
		_, err := by.Users.DeleteUser(ctx, &paddockv1.DeleteUserRequest{Id: p.GetId()})
		return err
	}},
}

// asAdmin makes a call that needs an admin's rights.
func asAdmin(ctx context.Context, as *apptest.Clients) error {
	_, err := as.Users.ListRoles(ctx, &paddockv1.ListRolesRequest{})
	return err
}

// TestRaces_RevokeSlowLookup ends a key or a session while one replica waits for what the database has read of it before: no call that
// comes after the end was acknowledged has rights on any replica, neither while that answer is on its way nor when it has come.
func TestRaces_RevokeSlowLookup(t *testing.T) {
	t.Parallel()
	fleet, proxy := slowFleet(t)
	for range max(1, raceRounds(0)/10) {
		admin := fleet[0].Login(t, apptest.AdminEmail, apptest.AdminPassword).GetAccessToken()
		for i, e := range ends {
			for _, credential := range []string{"key", "session"} {
				if credential == "key" && !e.key || credential == "session" && !e.session {
					continue
				}
				p := fleet[0].NewPerson(t, "admin")
				session := sessionOf(t, fleet[0], p.Token)
				key, err := secret.ParseKey(p.Key)
				must(t, err)
				l := lookup{e.name + ", by key", p.Key, [][]byte{[]byte(key.ID)}}
				if credential == "session" {
					id := uuid.MustParse(session)
					l = lookup{e.name + ", by session", p.Token, [][]byte{id[:], []byte(session)}}
				}
				revokeSlowly(t, fleet, proxy, l, func() error { return e.by(t.Context(), of(fleet[:2], i, admin), p, session) })
			}
		}
	}
}

// lookup is a credential, and what the answer of the database to whoever looks it up contains.
type lookup struct {
	name, credential string
	row              [][]byte // either
}

// revokeSlowly ends the rights of the credential while the last replica looks it up.
func revokeSlowly(t *testing.T, fleet []*apptest.App, proxy *storetest.Proxy, l lookup, end func() error) {
	t.Helper()
	slow := of(fleet, len(fleet)-1, l.credential)
	must(t, asAdmin(t.Context(), slow))
	held, release := holdBack(proxy, l.row...)
	defer release()
	var before, after sync.WaitGroup
	before.Go(func() { // may have rights: it has come before
		wantReasons(t, l.name, asAdmin(t.Context(), slow), apierr.Unauthenticated, apierr.AccessDenied)
	})
	await(t, l.name+": the credential was read", held)
	must(t, end())
	for i := range 3 * len(fleet) {
		after.Go(func() { wantNoRights(t, l.name+", while it is looked up", of(fleet, i, l.credential)) })
	}
	time.Sleep(20 * time.Millisecond)
	release()
	before.Wait()
	for i := range fleet {
		wantNoRights(t, l.name+", and looked up", of(fleet, i, l.credential))
	}
	after.Wait()
}

func wantNoRights(t *testing.T, name string, as *apptest.Clients) {
	t.Helper()
	if wantReasons(t, name, asAdmin(t.Context(), as), apierr.Unauthenticated, apierr.AccessDenied) {
		t.Errorf("%s: still has rights", name)
	}
}

// TestRaces_RevokeUnderLoad ends a key and a session that are used all the time, on all replicas: no call has rights that was begun after
// their end was acknowledged. Others write meanwhile, so that rows are read all the time, and not remembered.
func TestRaces_RevokeUnderLoad(t *testing.T) {
	eachFleet(t, nil, func(t *testing.T, fleet []*apptest.App) {
		for range max(1, raceRounds(0)/10) {
			admin := fleet[0].Login(t, apptest.AdminEmail, apptest.AdminPassword).GetAccessToken()
			for _, e := range ends {
				p := fleet[0].NewPerson(t, "admin")
				session := sessionOf(t, fleet[0], p.Token)
				var ended atomic.Bool
				var calls sync.WaitGroup
				calls.Go(func() { renameUntil(t, of(fleet, 1, admin), &ended) })
				for i := range 6 {
					credential, ends := p.Key, e.key
					if i%2 > 0 {
						credential, ends = p.Token, e.session
					}
					if ends {
						calls.Go(func() { callUntilRefused(t, e.name, of(fleet, i/2, credential), &ended) })
					}
				}
				time.Sleep(5 * time.Millisecond)
				must(t, e.by(t.Context(), of(fleet, 0, admin), p, session))
				ended.Store(true)
				calls.Wait()
			}
		}
	})
}

func renameUntil(t *testing.T, admin *apptest.Clients, ended *atomic.Bool) {
	t.Helper()
	id := whoIs(t, admin)
	for i := 0; !ended.Load(); i++ {
		time.Sleep(time.Duration(rand.IntN(3000)) * time.Microsecond)
		_, err := admin.Users.UpdateUser(t.Context(), &paddockv1.UpdateUserRequest{Id: id, DisplayName: new(strconv.Itoa(i))})
		wantReasons(t, "rename", err)
	}
}

// callUntilRefused makes calls until one is refused, or one that was begun after the end is not.
func callUntilRefused(t *testing.T, name string, as *apptest.Clients, ended *atomic.Bool) {
	t.Helper()
	for {
		late := ended.Load()
		ok := wantReasons(t, name, asAdmin(t.Context(), as), apierr.Unauthenticated, apierr.AccessDenied)
		if ok && late {
			t.Errorf("%s: a call that was begun afterwards still had rights", name)
		}
		if !ok || late {
			return
		}
	}
}
