package apptest_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/ent/db/credential"
	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/apptest"
	"github.com/paddock-gate/paddock/internal/convert"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/store"
)

// rotation is the key that a rotation has made.
type rotation struct{ secret, id string }

// rotations rotates the key with each of the credentials at once, while others act, and returns what was made. A rotation may fail because
// it comes too late.
func rotations(t *testing.T, fleet []*apptest.App, id string, by []string, others ...func(replica int)) (made []rotation) {
	t.Helper()
	var mu sync.Mutex
	atOnce(len(by)+len(others), func(i int) {
		if i >= len(by) {
			others[i-len(by)](i)
			return
		}
		m, err := of(fleet, i, by[i]).Credentials.RotateCredential(t.Context(), &paddockv1.RotateCredentialRequest{Id: id})
		if wantReasons(t, "rotate", err, apierr.NotFoundReason, apierr.Unauthenticated) {
			mu.Lock()
			defer mu.Unlock()
			made = append(made, rotation{m.GetSecret(), m.GetCredential().GetId()})
		}
	})
	return made
}

// liveKeys returns the user's keys that are good.
func liveKeys(t *testing.T, a *apptest.App, user string) []*db.Credential {
	t.Helper()
	rows, err := a.Store.Credential.Query().Where(credential.UserID(uuid.MustParse(user)), convert.LiveKey(store.Now())).All(t.Context())
	must(t, err)
	return rows
}

// wantKeys fails the test unless the user has just the keys, and they alone of all secrets are good, on all replicas.
func wantKeys(t *testing.T, fleet []*apptest.App, user string, good []rotation, secrets ...string) {
	t.Helper()
	live := liveKeys(t, fleet[0], user)
	if len(live) != len(good) {
		t.Errorf("%d keys are good, want %d", len(live), len(good))
	}
	for _, k := range good {
		if !slices.ContainsFunc(live, func(row *db.Credential) bool { return row.ID.String() == k.id }) {
			t.Errorf("key %s is not good", k.id)
		}
		secrets = append(secrets, k.secret)
	}
	for i := range fleet {
		for _, s := range secrets {
			_, err := of(fleet, i, s).Auth.WhoAmI(t.Context(), &paddockv1.WhoAmIRequest{})
			if isGood := slices.ContainsFunc(good, func(k rotation) bool { return k.secret == s }); isGood != (err == nil) {
				t.Errorf("a key that is good, %t, on replica %d: %v", isGood, i, err)
			}
		}
	}
}

// TestRaces_Rotate rotates one key many times at once, by itself and by others who may: it has one successor.
func TestRaces_Rotate(t *testing.T) {
	eachFleet(t, nil, func(t *testing.T, fleet []*apptest.App) {
		p := fleet[0].NewPerson(t, "user")
		key := rotation{p.Key, p.KeyID}
		for round := 1; round <= raceRounds(5); round++ {
			made := rotations(t, fleet, key.id, []string{p.Token, key.secret, fleet[0].AdminKey, p.Token, key.secret, fleet[0].AdminKey})
			if len(made) != 1 {
				t.Fatalf("round %d: %d successors", round, len(made))
			}
			if wantKeys(t, fleet, p.GetId(), made, key.secret); t.Failed() {
				t.FailNow()
			}
			if n := entriesAbout(t, fleet[0], "api_key_rotated", p.GetId()); n != round {
				t.Fatalf("%d entries after %d rotations", n, round)
			}
			if key = made[0]; liveKeys(t, fleet[0], p.GetId())[0].IssuedBy != nil { // rotated by the admin's key: revoked with it
				m, err := of(fleet, 0, p.Token).Credentials.IssueApiKey(t.Context(), &paddockv1.IssueApiKeyRequest{Label: "x"})
				must(t, err)
				_, err = of(fleet, 0, p.Token).Credentials.RevokeCredential(t.Context(), &paddockv1.RevokeCredentialRequest{Id: key.id})
				must(t, err)
				key = rotation{m.GetSecret(), m.GetCredential().GetId()}
			}
		}
	})
}

// TestRaces_RotateAgainstRevoke ends a key while it is rotated: either it is rotated, and the end comes too late for its successor, or no
// key is left.
func TestRaces_RotateAgainstRevoke(t *testing.T) {
	eachFleet(t, nil, func(t *testing.T, fleet []*apptest.App) {
		a := fleet[0]
		for range raceRounds(5) {
			p := a.NewPerson(t, "user")
			made := rotations(t, fleet, p.KeyID, []string{p.Key, p.Token}, func(i int) {
				_, err := of(fleet, i, p.Token).Credentials.RevokeCredential(t.Context(), &paddockv1.RevokeCredentialRequest{Id: p.KeyID})
				wantReasons(t, "revoke", err)
			})
			if len(made) > 1 {
				t.Fatalf("%d successors", len(made))
			}
			wantKeys(t, fleet, p.GetId(), made, p.Key)
			if rotated, revoked := entriesAbout(t, a, "api_key_rotated", p.GetId()), entriesAbout(t, a, "api_key_revoked", p.GetId()); rotated != len(made) || rotated+revoked != 1 {
				t.Errorf("%d successors, %d entries of a rotation and %d of a revocation", len(made), rotated, revoked)
			}
		}
	})
}

// TestRaces_RotateAgainstTheUsersEnd deactivates or deletes a user whose keys are rotated: none of their keys is good.
func TestRaces_RotateAgainstTheUsersEnd(t *testing.T) {
	eachFleet(t, nil, func(t *testing.T, fleet []*apptest.App) {
		for round := range raceRounds(4) {
			p := fleet[0].NewPerson(t, "user")
			made := rotations(t, fleet, p.KeyID, []string{p.Key, p.Token}, func(i int) {
				as := of(fleet, i, fleet[0].AdminKey).Users
				if round%2 == 0 {
					_, err := as.DeleteUser(t.Context(), &paddockv1.DeleteUserRequest{Id: p.GetId()})
					wantReasons(t, "delete", err)
					return
				}
				_, err := as.UpdateUser(t.Context(), &paddockv1.UpdateUserRequest{Id: p.GetId(), Active: new(false)})
				wantReasons(t, "deactivate", err)
			})
			for i := range fleet {
				for _, k := range append(made, rotation{secret: p.Key}) {
					_, err := of(fleet, i, k.secret).Auth.WhoAmI(t.Context(), &paddockv1.WhoAmIRequest{})
					apptest.WantReason(t, err, apierr.Unauthenticated)
				}
			}
		}
	})
}

// TestRaces_RotateAgainstExpiry has a key rotate itself, and be rotated, over and over until it expires: no successor outlives it.
func TestRaces_RotateAgainstExpiry(t *testing.T) {
	eachFleet(t, nil, func(t *testing.T, fleet []*apptest.App) {
		for round := range raceRounds(3) {
			p := fleet[0].NewPerson(t, "user")
			m, err := of(fleet, 0, p.Token).Credentials.IssueApiKey(t.Context(), &paddockv1.IssueApiKeyRequest{Label: "x"})
			must(t, err)
			key := rotation{m.GetSecret(), m.GetCredential().GetId()}
			secrets := []string{key.secret}
			expires := store.Now().Add(time.Duration(20+round%10) * time.Millisecond)
			fleet[0].Exec(t, `UPDATE credentials SET expires_at = $1 WHERE id = $2`, expires, key.id)
			for {
				late := store.Now().After(expires)
				made := rotations(t, fleet, key.id, []string{key.secret, p.Token})
				if len(made) == 0 {
					break
				}
				if late {
					t.Fatal("a key was rotated after it had expired")
				}
				key = made[0]
				secrets = append(secrets, key.secret)
			}
			if store.Now().Before(expires) {
				t.Error("the key could not be rotated any more before it expired")
			}
			wantKeys(t, fleet, p.GetId(), []rotation{{p.Key, p.KeyID}}, secrets...)
		}
	})
}

// TestRaces_RotateAgainstModels takes models from a key while it is rotated: if that was acknowledged, its successor has not got them.
func TestRaces_RotateAgainstModels(t *testing.T) {
	eachFleet(t, nil, func(t *testing.T, fleet []*apptest.App) {
		p := fleet[0].NewPerson(t, "user")
		for range raceRounds(5) {
			m, err := of(fleet, 0, p.Token).Credentials.IssueApiKey(t.Context(), &paddockv1.IssueApiKeyRequest{Label: "x"})
			must(t, err)
			id := m.GetCredential().GetId()
			narrowed := false
			made := rotations(t, fleet, id, []string{m.GetSecret(), p.Token}, func(i int) {
				_, err := of(fleet, i, p.Token).Credentials.SetCredentialModels(t.Context(), &paddockv1.SetCredentialModelsRequest{
					Id: id, Models: &paddockv1.ModelList{Names: []string{"a"}},
				})
				narrowed = wantReasons(t, "set models", err, apierr.NotFoundReason)
			})
			if len(made) != 1 {
				t.Fatalf("%d successors", len(made))
			}
			row, err := fleet[0].Store.Credential.Get(t.Context(), uuid.MustParse(made[0].id))
			must(t, err)
			if got := row.Models != nil; got != narrowed {
				t.Errorf("the models were set: %t, and its successor has a list: %t", narrowed, got)
			}
		}
	})
}
