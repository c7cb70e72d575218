package store_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/ent/db/auditentry"
	"github.com/paddock-gate/paddock/ent/db/user"
	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

func TestAuditEntries_Immutable(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		if err := s.Tx(t.Context(), createUser); err != nil {
			t.Fatal(err)
		}
		id := s.AuditEntry.Query().OnlyIDX(t.Context())
		tamper := map[string]func(ctx context.Context, tx *db.Tx) error{
			"update": func(ctx context.Context, tx *db.Tx) error {
				_, err := store.Exec(store.WithWrites(ctx), tx, `UPDATE audit_entries SET outcome = 'failure'`)
				return err
			},
			"delete": func(ctx context.Context, tx *db.Tx) error {
				return tx.AuditEntry.DeleteOneID(id).Exec(ctx)
			},
			"upsert": func(ctx context.Context, tx *db.Tx) error {
				return tx.AuditEntry.Create().SetID(id).SetEventType("x").SetOccurredAt(store.Now()).SetActorEmail("").SetIP("").
					SetUserAgent("").SetRequestID("").SetOutcome("success").SetDetail("").
					OnConflictColumns("id").UpdateNewValues().Exec(ctx)
			},
		}
		if s.Embedded() {
			tamper["replace"] = func(ctx context.Context, tx *db.Tx) error {
				_, err := store.Exec(store.WithWrites(ctx), tx, `INSERT OR REPLACE INTO audit_entries SELECT * FROM audit_entries`)
				return err
			}
		} else {
			tamper["truncate"] = func(ctx context.Context, tx *db.Tx) error {
				_, err := store.Exec(store.WithWrites(ctx), tx, `TRUNCATE audit_entries`)
				return err
			}
		}
		for name, act := range tamper {
			if err := s.Tx(t.Context(), act); err == nil || !strings.Contains(err.Error(), "never changed or deleted") {
				t.Errorf("%s: got %v, want a refusal", name, err)
			}
		}
		if e, err := s.AuditEntry.Get(t.Context(), id); err != nil || e.Outcome != "success" {
			t.Errorf("the entry is now %v, error %v", e, err)
		}
	})
}

func TestTimes_BothDatabases(t *testing.T) {
	berlin := time.FixedZone("CEST", 2*60*60)
	times := []time.Time{ // in order
		time.Date(1969, 12, 31, 23, 59, 59, 999_999_000, time.UTC),
		time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Date(2025, 1, 1, 0, 0, 0, 1_000, time.UTC),
		time.Date(2025, 1, 1, 0, 0, 0, 100_000_000, time.UTC),
		time.Date(2025, 1, 1, 0, 0, 0, 120_000_000, time.UTC),
		time.Date(2025, 7, 1, 1, 0, 0, 0, berlin), // 23:00 the day before in UTC
		time.Date(2025, 6, 30, 23, 30, 0, 0, time.UTC),
		store.Now(),
	}
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		err := s.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
			for i := range times {
				at := times[(i*3)%len(times)] // in some order
				if err := tx.User.Create().SetEmail(email()).SetCreatedAt(at).Exec(ctx); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		users, err := s.User.Query().Order(user.ByCreatedAt()).All(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		plain, err := s.User.Query().Where(store.PlainTimes(s, user.FieldCreatedAt, user.FieldLastLoginAt)).Order(user.ByCreatedAt()).All(t.Context())
		if err != nil || len(plain) != len(users) {
			t.Fatalf("%d users, error %v; want %d", len(plain), err, len(users))
		}
		for i, u := range users {
			if !u.CreatedAt.Equal(times[i]) || u.CreatedAt.Location() != time.UTC {
				t.Errorf("number %d is %v, want %v in UTC", i, u.CreatedAt, times[i])
			}
			if plain[i].String() != u.String() {
				t.Errorf("with plain times it is\n%v, want\n%v", plain[i], u)
			}
			n, err := s.User.Query().Where(user.CreatedAtLT(times[i])).Count(t.Context())
			if err != nil || n != i {
				t.Errorf("%d are before %v, error %v; want %d", n, times[i], err, i)
			}
		}
	})
}

// TestPlainTimes_WrittenByHand: a row that somebody else wrote into the file is read as it is without, in each form of a time that the
// driver knows.
func TestPlainTimes_WrittenByHand(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	q := entsql.Dialect(dialect.SQLite).Select().From(entsql.Table(user.Table))
	store.PlainTimes(s, user.FieldLastLoginAt)(q.Select(q.C(user.FieldID), q.C(user.FieldLastLoginAt)))
	if query, _ := q.Query(); !strings.Contains(query, "+`users`.`last_login_at` AS `last_login_at`") {
		t.Errorf("selected by %s", query)
	}
	for _, text := range []string{
		"2026-01-02 03:04:05.678+00:00", "2026-01-02T03:04:05Z", "2026-01-02 03:04:05Z", "2026-01-02 03:04:05", "2026-01-02 03:04:05.678", "2026-01-02T03:04:05",
		"2026-01-02 05:04:05+02:00", "2026-01-02 03:04", "2026-01-02T03:04", "2026-01-02", "2026-01-02 03:04Z", "2026-01-02T03:04Z", "2026-01-02Z",
		"2026-01-02 3:04:05", "2026-01-02 3:04:05.6+02:00", "2026-01-02 03:04:05.678 +0000 UTC", "2026-01-02 05:04:05 +0200 CEST",
		"2026-01-02 03:04:05.678 +0000 UTC m=+0.001",
	} {
		mail := email()
		err := s.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
			if err := tx.User.Create().SetEmail(mail).Exec(ctx); err != nil {
				return err
			}
			_, err := store.Exec(store.WithWrites(ctx), tx, `UPDATE users SET last_login_at = $1 WHERE email = $2`, text, mail)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		want := s.User.Query().Where(user.Email(mail)).OnlyX(t.Context())
		got, err := s.User.Query().Where(user.Email(mail), store.PlainTimes(s, user.FieldLastLoginAt)).Only(t.Context())
		if err != nil || got.String() != want.String() {
			t.Errorf("%q: %v, error %v; want %v", text, got, err, want)
		}
	}
}

func TestRoundTrip_UUIDsAndNulls(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		id := uuid.Must(uuid.NewV7())
		err := s.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
			if err := tx.Role.Create().SetID("admin").Exec(ctx); err != nil {
				return err
			}
			return tx.User.Create().SetID(id).SetEmail(email()).AddRoleIDs("admin").Exec(ctx)
		})
		if err != nil {
			t.Fatal(err)
		}
		u, err := s.User.Query().Where(user.ID(id)).WithRoles().Only(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if u.ID != id || u.ExternalID != nil || u.LastLoginAt != nil || !u.Active || len(u.Edges.Roles) != 1 {
			t.Errorf("read back %v", u)
		}
		if _, err := s.User.Get(t.Context(), uuid.Must(uuid.NewV7())); !db.IsNotFound(err) {
			t.Errorf("an unknown id: %v, want not found", err)
		}
	})
}

// TestRoundTrip_NullableFields: what may be absent is read as absent, and as it was written where it is there, of every type.
func TestRoundTrip_NullableFields(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		id, other, at := uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7()), store.Now()
		full, bare := email(), email()
		err := s.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
			err := tx.User.Create().SetEmail(full).SetExternalID("é").SetTokensPerDay(1 << 40).SetRequestsPerMinute(7).SetLastLoginAt(at).SetActive(false).Exec(ctx)
			if err != nil {
				return err
			}
			if err := tx.User.Create().SetEmail(bare).Exec(ctx); err != nil {
				return err
			}
			entry := func() *db.AuditEntryCreate {
				return tx.AuditEntry.Create().SetEventType("x").SetOccurredAt(at).SetActorEmail("").SetIP("").SetUserAgent("").SetRequestID("").
					SetOutcome("success").SetDetail("")
			}
			if err := entry().Exec(ctx); err != nil {
				return err
			}
			return entry().SetID(id).SetActorUserID(id).SetTargetUserID(other).Exec(ctx)
		})
		if err != nil {
			t.Fatal(err)
		}
		u := s.User.Query().Where(user.Email(full)).OnlyX(t.Context())
		if *u.ExternalID != "é" || *u.TokensPerDay != 1<<40 || u.TokensPerMonth != nil || *u.RequestsPerMinute != 7 || !u.LastLoginAt.Equal(at) || u.Active {
			t.Errorf("read back %v", u)
		}
		u = s.User.Query().Where(user.Email(bare)).OnlyX(t.Context())
		if u.ExternalID != nil || u.TokensPerDay != nil || u.TokensPerMonth != nil || u.RequestsPerMinute != nil || u.LastLoginAt != nil || !u.Active {
			t.Errorf("read back %v", u)
		}
		e := s.AuditEntry.GetX(t.Context(), id)
		if *e.ActorUserID != id || *e.TargetUserID != other || e.CredentialID != nil || e.SessionID != nil {
			t.Errorf("read back %v", e)
		}
		e = s.AuditEntry.Query().Where(auditentry.IDNEQ(id)).OnlyX(t.Context())
		if e.ActorUserID != nil || e.TargetUserID != nil || e.CredentialID != nil || e.SessionID != nil {
			t.Errorf("read back %v", e)
		}
	})
}
