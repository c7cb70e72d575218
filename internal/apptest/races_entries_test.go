package apptest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/ent/db/auditentry"
	"github.com/paddock-gate/paddock/ent/db/predicate"
	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
)

// TestRaces_EntriesOfModels sets the models of a role and of a key many times at once: what each entry says was before is what another
// one has set, each once.
func TestRaces_EntriesOfModels(t *testing.T) {
	eachFleet(t, nil, func(t *testing.T, fleet []*apptest.App) {
		p := fleet[0].NewPerson(t, "user")
		admin := fleet[0].Login(t, apptest.AdminEmail, apptest.AdminPassword).GetAccessToken()
		for round := range raceRounds(2) {
			atOnce(9, func(i int) {
				as, models := of(fleet, i, admin), &paddockv1.ModelList{Names: []string{fmt.Sprintf("m%d-%d", round, i)}}
				_, err := as.Users.SetRoleModels(t.Context(), &paddockv1.SetRoleModelsRequest{Name: "user", Models: models})
				wantReasons(t, "set models of a role", err)
				_, err = as.Credentials.SetCredentialModels(t.Context(), &paddockv1.SetCredentialModelsRequest{Id: p.KeyID, Models: models})
				wantReasons(t, "set models of a key", err)
			})
		}
		wantChain(t, fleet[0], "of the role", auditentry.TargetUserIDIsNil())
		wantChain(t, fleet[0], "of the key", auditentry.CredentialID(uuid.MustParse(p.KeyID)))
	})
}

// wantChain fails the test unless no two entries about somebody's models say that the same was before.
func wantChain(t *testing.T, a *apptest.App, of string, about predicate.AuditEntry) {
	t.Helper()
	entries, err := a.Store.AuditEntry.Query().Where(auditentry.EventType("models_changed"), about).All(t.Context())
	must(t, err)
	followed := map[string]int{}
	for _, e := range entries {
		_, before, _ := strings.Cut(e.Detail, "; before: ")
		followed[before]++
	}
	for before, n := range followed {
		if n > 1 {
			t.Errorf("%s: of %d entries %d say that before was %s", of, len(entries), n, before)
		}
	}
	if len(entries) == 0 {
		t.Errorf("%s: no entries", of)
	}
}
