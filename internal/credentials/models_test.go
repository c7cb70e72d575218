package credentials_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"

	"entgo.io/ent"

	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

func narrow(t testing.TB, a *apptest.App, by, id string, models ...string) error {
	t.Helper()
	_, err := a.As(by).Credentials.SetCredentialModels(t.Context(), &paddockv1.SetCredentialModelsRequest{
		Id: id, Models: &paddockv1.ModelList{Names: models},
	})
	return err
}

// TestRotateCredential_KeepsModels that comes while it is on its way: a key cannot escape from its list by rotating itself.
func TestRotateCredential_KeepsModels(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		p := a.NewPerson(t, "user")
		var done atomic.Bool
		a.Store.Credential.Intercept(ent.InterceptFunc(func(next ent.Querier) ent.Querier {
			return ent.QuerierFunc(func(ctx context.Context, q ent.Query) (ent.Value, error) {
				v, err := next.Query(ctx, q)
				if done.CompareAndSwap(false, true) { // right after the key was read
					if err := narrow(t, a, p.Token, p.KeyID, "tiny-embed"); err != nil {
						t.Error(err)
					}
				}
				return v, err
			})
		}))
		made, err := rotate(t, a, p.Key, p.KeyID)
		if err != nil {
			t.Fatal(err)
		}
		if got := made.GetCredential().GetModels().GetNames(); !slices.Equal(got, []string{"tiny-embed:latest"}) {
			t.Errorf("the answer tells %v", got)
		}
		keys, err := list(t, a, p.Token, "")
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range keys {
			if got := k.GetModels().GetNames(); !slices.Equal(got, []string{"tiny-embed:latest"}) {
				t.Errorf("%s may use %v", k.GetPrefix(), got)
			}
		}
	})
}

// TestSetCredentialModels_OwnerAndEntry: others find no such key, a revoked one has no list to change, and what was and is
// stands in the entry.
func TestSetCredentialModels_OwnerAndEntry(t *testing.T) {
	a := apptest.Start(t, storetest.SQLite(t), nil)
	p, other := a.NewPerson(t, "user"), a.NewPerson(t, "user")
	if err := narrow(t, a, other.Token, p.KeyID); apptest.Reason(err) != apierr.NotFoundReason {
		t.Errorf("by a stranger: %v", err)
	}
	if err := narrow(t, a, a.Login(t, apptest.AdminEmail, apptest.AdminPassword).GetAccessToken(), p.KeyID, "tiny-chat"); err != nil {
		t.Errorf("by an admin: %v", err)
	}
	if err := narrow(t, a, p.Token, p.KeyID, "tiny-embed", "tiny-chat"); err != nil {
		t.Error(err)
	}
	e := a.Entries(t, "models_changed")
	const want = ": tiny-chat:latest, tiny-embed:latest; before: tiny-chat:latest"
	if len(e) != 2 || e[0].GetDetail()[len(e[0].GetDetail())-len(want):] != want || e[0].GetTargetUserId() != p.GetId() {
		t.Errorf("entries %v", e)
	}
	if err := revoke(t, a, p.Token, p.KeyID); err != nil {
		t.Fatal(err)
	}
	if err := narrow(t, a, p.Token, p.KeyID); apptest.Reason(err) != apierr.NotFoundReason {
		t.Errorf("of a revoked key: %v", err)
	}
}
