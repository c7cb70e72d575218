package apptest_test

import (
	"fmt"
	"testing"

	"connectrpc.com/connect"
	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/ent/db/auditentry"
	"github.com/paddock-gate/paddock/ent/db/user"
	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
)

// addressSpellings are ways to write one and the same address.
var addressSpellings = []string{
	"ada%d@bücher.example", "ADA%d@BÜCHER.EXAMPLE", " Ada%d@bücher.example", "ada%d@bu\u0308cher.example", "ada%d@xn--bcher-kva.example",
	"ada%d@XN--BCHER-KVA.example", "ada%d@bücher\u3002example", "ada%d@bücher.example.", "ada%d@ｂücher.example",
}

// TestRaces_SameEmail has callers create users with one email at once, in all addressSpellings: one does, and the others are told. Those who
// name the same external id as well, or repeat a call, all get the one user.
func TestRaces_SameEmail(t *testing.T) {
	eachFleet(t, nil, func(t *testing.T, fleet []*apptest.App) {
		for round := range raceRounds(6) {
			email := fmt.Sprintf("ada%d@xn--bcher-kva.example", round)
			made := create(t, fleet, apierr.EmailTaken, func(i int) *paddockv1.CreateUserRequest {
				return &paddockv1.CreateUserRequest{Email: fmt.Sprintf(addressSpellings[i], round), Roles: []string{"user"}}
			})
			wantOneUser(t, fleet[0], made, 1, email)

			email = fmt.Sprintf("bob%d@example.com", round)
			made = create(t, fleet, "", func(int) *paddockv1.CreateUserRequest {
				return &paddockv1.CreateUserRequest{Email: email, ExternalId: email}
			})
			wantOneUser(t, fleet[0], made, len(addressSpellings), email)

			made = create(t, fleet, apierr.ExternalIDTaken, func(i int) *paddockv1.CreateUserRequest {
				return &paddockv1.CreateUserRequest{Email: fmt.Sprintf("eve%d-%d@example.com", round, i), ExternalId: fmt.Sprint(round)}
			})
			wantOneUser(t, fleet[0], made, 1, "")

			email = fmt.Sprintf("joe%d@example.com", round)
			made = create(t, fleet, "", func(int) *paddockv1.CreateUserRequest {
				return &paddockv1.CreateUserRequest{Email: email}
			}, apptest.WithHeader("Idempotency-Key", email))
			wantOneUser(t, fleet[0], made, len(addressSpellings), email)
		}
		wantNoOrphans(t, fleet[0])
	})
}

// create creates as many users at once as there are addressSpellings, and returns the ids that came. Who gets none is told the reason.
func create(t *testing.T, fleet []*apptest.App, reason apierr.Reason, request func(i int) *paddockv1.CreateUserRequest, options ...connect.ClientOption) (ids []string) {
	t.Helper()
	answers := make([]*paddockv1.CreateUserResponse, len(addressSpellings))
	errs := make([]error, len(addressSpellings))
	atOnce(len(addressSpellings), func(i int) {
		answers[i], errs[i] = of(fleet, i, fleet[0].AdminKey, options...).Users.CreateUser(t.Context(), request(i))
	})
	for i, err := range errs {
		switch {
		case wantReasons(t, "create", err, reason):
			ids = append(ids, answers[i].GetUser().GetId())
		case connect.CodeOf(err) != connect.CodeAlreadyExists:
			t.Errorf("create: %v", err)
		}
	}
	return ids
}

// wantOneUser fails the test unless so many callers got an id, all the same one, of the only user with the email, who was created once.
func wantOneUser(t *testing.T, a *apptest.App, ids []string, callers int, email string) {
	t.Helper()
	if len(ids) != callers {
		t.Fatalf("%d callers were given a user, want %d", len(ids), callers)
	}
	for _, id := range ids {
		if id != ids[0] {
			t.Errorf("users %s and %s were given", ids[0], id)
		}
	}
	if n := entriesAbout(t, a, "user_created", ids[0]); n != 1 {
		t.Errorf("%d entries", n)
	}
	if email == "" {
		return
	}
	rows, err := a.Store.User.Query().Where(user.Email(email)).IDs(t.Context())
	must(t, err)
	if len(rows) != 1 || rows[0].String() != ids[0] {
		t.Errorf("%s: users %v, but %s was given", email, rows, ids[0])
	}
}

// wantNoOrphans fails the test unless every user who is there, and nobody else, was created by an entry.
func wantNoOrphans(t *testing.T, a *apptest.App) {
	t.Helper()
	entries, err := a.Store.AuditEntry.Query().Where(auditentry.EventTypeIn("user_created", "bootstrap")).All(t.Context())
	must(t, err)
	users, err := a.Store.User.Query().IDs(t.Context())
	must(t, err)
	created := map[uuid.UUID]int{}
	for _, e := range entries {
		created[*e.TargetUserID]++
	}
	for _, id := range users {
		if created[id] != 1 {
			t.Errorf("user %s has %d entries", id, created[id])
		}
	}
	if len(entries) != len(users) {
		t.Errorf("%d entries for %d users", len(entries), len(users))
	}
}
