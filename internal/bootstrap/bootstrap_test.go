package bootstrap_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/ent/db/auditentry"
	"github.com/paddock-gate/paddock/ent/db/session"
	"github.com/paddock-gate/paddock/ent/db/user"
	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/apptest"
	"github.com/paddock-gate/paddock/internal/audit"
	"github.com/paddock-gate/paddock/internal/bootstrap"
	"github.com/paddock-gate/paddock/internal/convert"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/secret"
	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

const address = "admin@example.com"

// installation is a database as a program opens it.
type installation struct {
	store  *store.Store
	log    *audit.Log
	hasher *secret.Hasher
}

func open(t *testing.T, url string) installation {
	t.Helper()
	s := storetest.Open(t, url)
	return installation{s, audit.Open(s), secret.NewHasher(secret.KeyParams, 0)}
}

func (i installation) seed(t *testing.T, a bootstrap.Admin) bootstrap.Made {
	t.Helper()
	made, err := bootstrap.Seed(t.Context(), i.store, i.log, i.hasher, a)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// admin is the admin, with roles.
func (i installation) admin(t *testing.T) *db.User {
	t.Helper()
	u, err := i.store.User.Query().Where(user.Email(address)).WithRoles().Only(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// has reports whether it is the admin's password.
func (i installation) has(t *testing.T, password string) bool {
	t.Helper()
	ok, err := i.hasher.Verify(t.Context(), secret.Known, i.admin(t).PasswordHash, password)
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

func (i installation) entries(t *testing.T) int {
	t.Helper()
	n, err := i.store.AuditEntry.Query().Where(auditentry.EventType(string(audit.Bootstrap))).Count(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (i installation) change(t *testing.T, statement string, args ...any) {
	t.Helper()
	err := i.log.Unaudited(t.Context(), "test", func(ctx context.Context, tx *db.Tx) error {
		_, err := store.Exec(store.WithWrites(ctx), tx, statement, args...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestSeed_Repeated(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		i := open(t, url)
		made := i.seed(t, bootstrap.Admin{Email: " Admin@Example.com"})
		if made.Email != address || len(made.Password) < 20 || !i.has(t, made.Password) {
			t.Errorf("made %q and a password of %d characters", made.Email, len(made.Password))
		}
		u := i.admin(t)
		if key, err := secret.ParseKey(made.APIKey); err != nil {
			t.Error(err)
		} else if c, err := u.QueryCredentials().Only(t.Context()); err != nil || c.KeyID != key.ID || c.Label != "bootstrap" || c.ExpiresAt != nil {
			t.Errorf("key %v, %v", c, err)
		}
		if !u.Active || !slices.Equal(convert.Roles(u), []string{"admin"}) {
			t.Errorf("admin %v", u)
		}
		for range 3 {
			if again := i.seed(t, bootstrap.Admin{Email: address, Password: "another password"}); again != (bootstrap.Made{}) {
				t.Errorf("again it made %+v", again)
			}
		}
		if !i.has(t, made.Password) || i.entries(t) != 1 {
			t.Errorf("the password was replaced, or there are %d entries", i.entries(t))
		}
	})
}

func TestSeed_RestoresAdmin(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		i := open(t, url)
		first := i.seed(t, bootstrap.Admin{Email: address})
		id := i.admin(t).ID
		for name, c := range map[string]struct {
			statements []string
			want       bootstrap.Made
			roles      []string
		}{
			"demoted":         {[]string{`DELETE FROM user_roles`}, bootstrap.Made{Email: address}, []string{"admin"}},
			"demoted to user": {[]string{`UPDATE user_roles SET role_id = 'user'`}, bootstrap.Made{Email: address}, []string{"admin", "user"}},
			"inactive":        {[]string{`UPDATE users SET active = false`}, bootstrap.Made{Email: address}, []string{"admin"}},
			"without password": {
				[]string{`UPDATE users SET password_hash = ''`}, bootstrap.Made{Password: "battery horse staple"}, []string{"admin"},
			},
			"all of it": {
				[]string{`UPDATE users SET active = false, password_hash = ''`, `DELETE FROM user_roles`},
				bootstrap.Made{Email: address, Password: "battery horse staple"},
				[]string{"admin"},
			},
		} {
			for _, s := range c.statements {
				i.change(t, s)
			}
			made := i.seed(t, bootstrap.Admin{Email: address, Password: "battery horse staple"})
			if made != c.want {
				t.Errorf("%s: made %+v", name, made)
			}
			u := i.admin(t)
			if !u.Active || !slices.Equal(convert.Roles(u), c.roles) || u.ID != id || u.PasswordHash == "" {
				t.Errorf("%s: admin %v with %v", name, u, convert.Roles(u))
			}
			i.change(t, `DELETE FROM user_roles WHERE role_id = 'user'`)
		}
		// A key that was revoked on purpose does not come back.
		i.change(t, `UPDATE credentials SET revoked_at = created_at`)
		if made := i.seed(t, bootstrap.Admin{Email: address}); made != (bootstrap.Made{}) {
			t.Errorf("made %+v", made)
		}
		if first.APIKey == "" {
			t.Error("there was no first key")
		}
	})
}

// TestSeed_RetiredAdmin checks that a first admin who was disabled or demoted stays so, while another one is left.
func TestSeed_RetiredAdmin(t *testing.T) {
	for name, statement := range map[string]string{
		"disabled": `UPDATE users SET active = false WHERE email = '` + address + `'`,
		"demoted":  `DELETE FROM user_roles WHERE user_id = (SELECT id FROM users WHERE email = '` + address + `')`,
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, url string) {
				i := open(t, url)
				i.seed(t, bootstrap.Admin{Email: address})
				i.seed(t, bootstrap.Admin{Email: "second@example.com"})
				i.change(t, statement)
				i.change(t, `DELETE FROM credentials`) // a retired admin needs no key either
				before, entries := i.admin(t), i.entries(t)
				if made := i.seed(t, bootstrap.Admin{Email: address, Password: "battery horse staple"}); made != (bootstrap.Made{}) {
					t.Errorf("made %+v", made)
				}
				if u := i.admin(t); u.Active != before.Active || len(convert.Roles(u)) != len(convert.Roles(before)) || i.entries(t) != entries {
					t.Errorf("the admin is back: %v with %v", u, convert.Roles(u))
				}

				forced := bootstrap.Admin{Email: address, Password: "battery horse staple", Force: true}
				if made := i.seed(t, forced); made.Email != address || made.Password != forced.Password || made.APIKey == "" {
					t.Errorf("by force it made %+v", made)
				}
				if u := i.admin(t); !u.Active || !slices.Equal(convert.Roles(u), []string{"admin"}) || i.entries(t) != entries+1 {
					t.Errorf("by force: %v with %v", u, convert.Roles(u))
				}

				// Nobody else is left, so that no force is needed.
				i.change(t, `UPDATE users SET active = false`)
				if made := i.seed(t, bootstrap.Admin{Email: address}); made != (bootstrap.Made{Email: address}) || !i.admin(t).Active {
					t.Errorf("as the last one: made %+v", made)
				}
			})
		})
	}
}

func TestSeed_ForcePassword(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		i := installation{a.Store, audit.Open(a.Store), a.Hasher}
		token := a.Login(t, apptest.AdminEmail, apptest.AdminPassword).GetAccessToken()
		forced := bootstrap.Admin{Email: address, Password: "battery horse staple", Force: true}
		if made := i.seed(t, forced); made != (bootstrap.Made{Password: forced.Password}) {
			t.Errorf("made %+v", made)
		}
		_, err := a.As(token).Auth.WhoAmI(t.Context(), &paddockv1.WhoAmIRequest{})
		apptest.WantReason(t, err, apierr.Unauthenticated)
		token = a.Login(t, apptest.AdminEmail, forced.Password).GetAccessToken()

		// With the setting left on, a restart changes nothing and ends no session.
		if made := i.seed(t, forced); made != (bootstrap.Made{}) {
			t.Errorf("again it made %+v", made)
		}
		if _, err := a.As(token).Auth.WhoAmI(t.Context(), &paddockv1.WhoAmIRequest{}); err != nil {
			t.Error(err)
		}
		random := i.seed(t, bootstrap.Admin{Email: address, Force: true})
		if random.Password == "" || random.Password == forced.Password || random.APIKey != "" {
			t.Errorf("made %+v", random)
		}
		a.Login(t, apptest.AdminEmail, random.Password)
		if n, err := a.Store.Session.Query().Where(session.RevokedAtIsNil()).Count(t.Context()); n != 1 || err != nil {
			t.Errorf("%d sessions live on, %v", n, err)
		}
		entries := a.Entries(t, "bootstrap")
		if len(entries) != 3 || entries[1].GetDetail() != "made a password" {
			t.Errorf("entries %v", entries)
		}
		for _, e := range entries {
			for _, password := range []string{apptest.AdminPassword, forced.Password, random.Password, a.AdminKey} {
				if strings.Contains(e.String(), password) {
					t.Errorf("an entry shows a secret: %v", e)
				}
			}
		}
	})
}

// TestSeed_ConcurrentReplicas lets ten start on an empty database at once: one password and one key are made, and printed
// once. Afterwards ten force a random password, and one prints one that works.
func TestSeed_ConcurrentReplicas(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		i := open(t, url)
		seed := func(a bootstrap.Admin) (passwords, keys, emails []string) {
			var all sync.WaitGroup
			var mu sync.Mutex
			for range 10 {
				replica := i
				if !i.store.Embedded() {
					replica = open(t, url)
				}
				all.Go(func() {
					made, err := bootstrap.Seed(t.Context(), replica.store, replica.log, replica.hasher, a)
					mu.Lock()
					defer mu.Unlock()
					if err != nil {
						t.Error(err)
					}
					if made.Password != "" {
						passwords = append(passwords, made.Password)
					}
					if made.APIKey != "" {
						keys = append(keys, made.APIKey)
					}
					if made.Email != "" {
						emails = append(emails, made.Email)
					}
				})
			}
			all.Wait()
			return passwords, keys, emails
		}
		passwords, keys, emails := seed(bootstrap.Admin{Email: address})
		if len(passwords) != 1 || len(keys) != 1 || len(emails) != 1 || !i.has(t, passwords[0]) {
			t.Fatalf("%d passwords, %d keys and %d emails were told", len(passwords), len(keys), len(emails))
		}
		if n, err := i.store.Credential.Query().Count(t.Context()); n != 1 || err != nil {
			t.Errorf("%d keys, %v", n, err)
		}
		passwords, keys, emails = seed(bootstrap.Admin{Email: address, Force: true})
		if len(passwords) == 0 || !slices.ContainsFunc(passwords, func(p string) bool { return i.has(t, p) }) || len(keys)+len(emails) != 0 {
			t.Errorf("%d passwords, %d keys and %d emails were told", len(passwords), len(keys), len(emails))
		}
		if n := i.entries(t); n != 1+len(passwords) {
			t.Errorf("%d entries for 1 + %d acts", n, len(passwords))
		}
	})
}

func TestSeed_InvalidEmail(t *testing.T) {
	i := open(t, storetest.SQLite(t))
	if _, err := bootstrap.Seed(t.Context(), i.store, i.log, i.hasher, bootstrap.Admin{Email: "admin"}); err == nil {
		t.Error("made an admin without an address")
	}
}
