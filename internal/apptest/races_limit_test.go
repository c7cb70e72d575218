package apptest_test

import (
	"context"
	"testing"

	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/secret"
	"github.com/paddock-gate/paddock/internal/store"
)

// TestRaces_KeyLimit issues keys to a user who may have few more, on all replicas at once: no more than that are made, so that all can be
// listed.
func TestRaces_KeyLimit(t *testing.T) {
	const most = 500
	eachFleet(t, nil, func(t *testing.T, fleet []*apptest.App) {
		for round := range max(2, raceRounds(0)/10) {
			p, left := fleet[0].NewPerson(t, "user"), 1+round%5
			addKeys(t, fleet[0], p.GetId(), most-1-left)
			atOnce(12, func(i int) {
				_, err := of(fleet, i, []string{p.Token, p.Key, fleet[0].AdminKey}[i%3]).Credentials.IssueApiKey(t.Context(),
					&paddockv1.IssueApiKeyRequest{UserId: p.GetId(), Label: "x"})
				wantReasons(t, "issue", err, apierr.InvalidArgument)
			})
			if n := len(liveKeys(t, fleet[0], p.GetId())); n != most {
				t.Errorf("%d keys", n)
			}
		}
	})
}

// addKeys adds keys to the user's behind the server's back.
func addKeys(t *testing.T, a *apptest.App, user string, n int) {
	t.Helper()
	must(t, a.Store.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
		rows := make([]*db.CredentialCreate, n)
		for i := range rows {
			key := secret.NewKey()
			rows[i] = tx.Credential.Create().SetUserID(uuid.MustParse(user)).SetLabel("x").SetKeyID(key.ID).SetKeyHash("x")
		}
		return tx.Credential.CreateBulk(rows...).Exec(store.WithWrites(ctx))
	}))
}
