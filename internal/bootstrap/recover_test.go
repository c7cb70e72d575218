package bootstrap_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/ent/db/auditentry"
	"github.com/paddock-gate/paddock/ent/db/session"
	"github.com/paddock-gate/paddock/internal/audit"
	"github.com/paddock-gate/paddock/internal/bootstrap"
	"github.com/paddock-gate/paddock/internal/convert"
	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

func (i installation) recover(t *testing.T, email string) bootstrap.Recovered {
	t.Helper()
	r, err := bootstrap.Recover(t.Context(), i.log, i.hasher, email, "root@db1")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// signIn gives the admin an open session.
func (i installation) signIn(t *testing.T) {
	t.Helper()
	err := i.log.Unaudited(t.Context(), "test", func(ctx context.Context, tx *db.Tx) error {
		soon := store.Now().Add(time.Hour)
		return tx.Session.Create().SetUserID(i.admin(t).ID).SetRefreshSalt([]byte("salt")).SetRefreshExpiresAt(soon).SetExpiresAt(soon).
			SetIP("").SetUserAgent("").Exec(ctx)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (i installation) openSessions(t *testing.T) int {
	t.Helper()
	n, err := i.store.Session.Query().Where(session.RevokedAtIsNil()).Count(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// last returns the newest audit entry.
func (i installation) last(t *testing.T) *db.AuditEntry {
	t.Helper()
	e, err := i.store.AuditEntry.Query().Order(db.Desc(auditentry.FieldOccurredAt, auditentry.FieldID)).First(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestRecover_Cases(t *testing.T) {
	for name, c := range map[string]struct {
		lost    string // what has happened to the admin
		event   audit.Type
		changes []string
	}{
		"password":      {`UPDATE users SET password_hash = ''`, audit.PasswordSet, nil},
		"disabled":      {`UPDATE users SET active = false`, audit.PasswordSet, []string{"made active again"}},
		"demoted":       {`DELETE FROM user_roles`, audit.RolesChanged, []string{"made admin again"}},
		"role is gone":  {`DELETE FROM roles`, audit.RolesChanged, []string{"made admin again"}},
		"nothing wrong": {`UPDATE users SET active = active`, audit.PasswordSet, nil},
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, url string) {
				i := open(t, url)
				before := i.seed(t, bootstrap.Admin{Email: address})
				i.change(t, c.lost)
				i.signIn(t)
				r := i.recover(t, "  Admin@EXAMPLE.com ")
				if r.Email != address || !i.has(t, r.Password) || i.has(t, before.Password) || !slices.Equal(r.Changes, c.changes) {
					t.Errorf("recovered %s: %v", r.Email, r.Changes)
				}
				if u := i.admin(t); !u.Active || !slices.Contains(convert.Roles(u), "admin") {
					t.Errorf("now the admin is %v with roles %v", u, convert.Roles(u))
				}
				if n := i.openSessions(t); n > 0 {
					t.Errorf("%d sessions are open", n)
				}
				e := i.last(t)
				if e.EventType != string(c.event) || *e.TargetUserID != i.admin(t).ID || !strings.Contains(e.Detail, "root@db1") ||
					!strings.Contains(e.Detail, "given a new password") || strings.Contains(e.Detail, r.Password) {
					t.Errorf("the entry is %v", e)
				}
			})
		})
	}
}

func TestRecover_UnknownUser(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		i := open(t, url)
		i.seed(t, bootstrap.Admin{Email: address})
		before := i.last(t)
		_, err := bootstrap.Recover(t.Context(), i.log, i.hasher, "nobody@example.com", "root")
		if !errors.Is(err, bootstrap.ErrNoUser) {
			t.Errorf("got %v, want ErrNoUser", err)
		}
		if _, err := bootstrap.Recover(t.Context(), i.log, i.hasher, "not an email", "root"); err == nil {
			t.Error("not an email: no error")
		}
		if after := i.last(t); after.ID != before.ID {
			t.Errorf("an entry was made: %v", after)
		}
	})
}
