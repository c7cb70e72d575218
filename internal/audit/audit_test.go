package audit_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/internal/audit"
	"github.com/paddock-gate/paddock/internal/caller"
	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// makeUser is a change: a user with the address.
func makeUser(ctx context.Context, tx *db.Tx, address string) error {
	return tx.User.Create().SetEmail(address).Exec(ctx)
}

// count returns how many users and entries there are.
func count(t *testing.T, s *store.Store) (users, entries int) {
	t.Helper()
	users, err := s.User.Query().Count(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if entries, err = s.AuditEntry.Query().Count(t.Context()); err != nil {
		t.Fatal(err)
	}
	return users, entries
}

func TestDo_ChangeAndEntryAreOne(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		log := audit.Open(s)
		failure := errors.New("no")
		for _, step := range []struct {
			name   string
			change func(ctx context.Context, tx *db.Tx) (audit.Event, error)
			fails  bool
			adds   int
		}{
			{"both", func(ctx context.Context, tx *db.Tx) (audit.Event, error) {
				return audit.Event{Type: audit.UserCreated}, makeUser(ctx, tx, "a@example.com")
			}, false, 1},
			{"the change fails", func(ctx context.Context, tx *db.Tx) (audit.Event, error) {
				return audit.Event{Type: audit.UserCreated}, errors.Join(makeUser(ctx, tx, "b@example.com"), failure)
			}, true, 0},
			{"the entry fails", func(ctx context.Context, tx *db.Tx) (audit.Event, error) {
				return audit.Event{Type: audit.Type(strings.Repeat("x", 65))}, makeUser(ctx, tx, "c@example.com")
			}, true, 0},
			{"nothing has changed", func(ctx context.Context, tx *db.Tx) (audit.Event, error) {
				return audit.Event{Type: audit.UserCreated}, errors.Join(makeUser(ctx, tx, "d@example.com"), audit.ErrNothingChanged)
			}, false, 0},
			{"the change is refused by the database", func(ctx context.Context, tx *db.Tx) (audit.Event, error) {
				return audit.Event{Type: audit.UserCreated}, makeUser(ctx, tx, "a@example.com")
			}, true, 0},
		} {
			usersBefore, entriesBefore := count(t, s)
			err := log.Do(t.Context(), step.change)
			users, entries := count(t, s)
			if (err != nil) != step.fails || users-usersBefore != step.adds || entries-entriesBefore != step.adds {
				t.Errorf("%s: %v, %d more users, %d more entries", step.name, err, users-usersBefore, entries-entriesBefore)
			}
		}
	})
}

// TestDo_NoEntryNoChange breaks the table of entries under the program: then nothing changes any more.
func TestDo_NoEntryNoChange(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		log := audit.Open(s)
		err := s.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
			_, err := store.Exec(store.WithWrites(ctx), tx, `ALTER TABLE audit_entries RENAME COLUMN detail TO details`)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		err = log.Do(t.Context(), func(ctx context.Context, tx *db.Tx) (audit.Event, error) {
			return audit.Event{Type: audit.UserCreated}, makeUser(ctx, tx, "a@example.com")
		})
		if n, countErr := s.User.Query().Count(t.Context()); err == nil || n != 0 || countErr != nil {
			t.Errorf("%v, %d users, %v", err, n, countErr)
		}
	})
}

func TestOpen_WriteOutsideOfDo(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		log := audit.Open(s)
		id := uuid.New()
		for name, write := range map[string]func(ctx context.Context) error{
			"create": func(ctx context.Context) error { return s.User.Create().SetEmail("a@example.com").Exec(ctx) },
			"bulk create": func(ctx context.Context) error {
				return s.User.CreateBulk(s.User.Create().SetEmail("a@example.com")).Exec(ctx)
			},
			"update":     func(ctx context.Context) error { return s.User.Update().SetActive(false).Exec(ctx) },
			"update one": func(ctx context.Context) error { return s.User.UpdateOneID(id).SetActive(false).Exec(ctx) },
			"delete":     func(ctx context.Context) error { _, err := s.User.Delete().Exec(ctx); return err },
			"delete one": func(ctx context.Context) error { return s.User.DeleteOneID(id).Exec(ctx) },
			"upsert": func(ctx context.Context) error {
				return s.Role.Create().SetID("x").OnConflictColumns("id").UpdateNewValues().Exec(ctx)
			},
			"an entry": func(ctx context.Context) error { _, err := s.AuditEntry.Delete().Exec(ctx); return err },
			"in a transaction of its own": func(ctx context.Context) error {
				return s.Tx(ctx, func(ctx context.Context, tx *db.Tx) error { return makeUser(ctx, tx, "a@example.com") })
			},
		} {
			if err := write(t.Context()); !errors.Is(err, audit.ErrUnaudited) {
				t.Errorf("%s: %v", name, err)
			}
			// Nor inside of it, but beside its transaction.
			err := log.Do(t.Context(), func(ctx context.Context, _ *db.Tx) (audit.Event, error) {
				if name == "in a transaction of its own" {
					return audit.Event{}, audit.ErrUnaudited
				}
				return audit.Event{Type: audit.UserCreated}, write(ctx)
			})
			if !errors.Is(err, audit.ErrUnaudited) {
				t.Errorf("%s, beside the transaction: %v", name, err)
			}
		}
		if users, entries := count(t, s); users != 0 || entries != 0 {
			t.Errorf("%d users, %d entries", users, entries)
		}
		if err := log.Unaudited(t.Context(), "test", func(ctx context.Context, tx *db.Tx) error { return makeUser(ctx, tx, "a@example.com") }); err != nil {
			t.Error(err)
		}
		err := log.Unaudited(t.Context(), "a write of no account", func(context.Context, *db.Tx) error { return errors.New("no") })
		if err == nil || !strings.Contains(err.Error(), "a write of no account") {
			t.Errorf("the reason is not told: %v", err)
		}
		if users, entries := count(t, s); users != 1 || entries != 0 {
			t.Errorf("%d users, %d entries", users, entries)
		}
	})
}

// TestRecord_HostileCaller promises that no text of a stranger keeps a refusal, or a login, from being recorded.
func TestRecord_HostileCaller(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		log := audit.Open(s)
		for _, text := range []string{
			strings.Repeat("x", 257), strings.Repeat("x", 1<<16), strings.Repeat("ä", 1<<10), "\x00", "a\x00b", "\xff\xfe", "\xed\xa0\x80",
			strings.Repeat("\xff", 2000), "\u202e\ufffe\U0010ffff", "'; DROP TABLE audit_entries; --", strings.Repeat("e\u0301", 700),
		} {
			ctx, cancel := context.WithCancel(caller.With(t.Context(), &caller.Caller{UserAgent: text, RequestID: text, Email: text}))
			cancel() // nor does it help to hang up
			if err := log.Record(ctx, audit.Event{Type: audit.LoginFailure, Outcome: audit.Failure, Detail: text}); err != nil {
				t.Errorf("%.20q: %v", text, err)
				continue
			}
			e, err := s.AuditEntry.Query().Order(db.Desc("occurred_at", "id")).First(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, stored := range []string{e.UserAgent, e.RequestID, e.ActorEmail, e.Detail} {
				whole := strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
				if !strings.HasPrefix(whole, stored) || stored == "" {
					t.Errorf("%.20q is stored as %.20q", text, stored)
				}
			}
		}
	})
}

func TestFit(t *testing.T) {
	for _, c := range []struct {
		text  string
		bytes int
		want  string
	}{
		{"abc", 3, "abc"},
		{"abcd", 3, "abc"},
		{"", 3, ""},
		{"abc", 0, ""},
		{"aä", 2, "a"},
		{"aä", 3, "aä"},
		{"ää", 3, "ä"},
		{"€", 2, ""},
		{"a€€", 6, "a€"},
		{"🐎🐎", 7, "🐎"},
		{"a\xffb", 9, "a\uFFFDb"},
		{"a\xff", 3, "a"},
		{"\x00", 3, "\uFFFD"},
		{"a\x00", 2, "a"},
	} {
		if got := audit.Fit(c.text, c.bytes); got != c.want {
			t.Errorf("Fit(%q, %d) = %q, want %q", c.text, c.bytes, got, c.want)
		}
	}
}

// FuzzFit promises valid UTF-8 without NUL that is no longer than asked, and no shorter than it must be.
func FuzzFit(f *testing.F) {
	f.Add("a\xff€\x00", 3)
	f.Fuzz(func(t *testing.T, text string, bytes int) {
		bytes = min(max(bytes, 0), 1<<10)
		got := audit.Fit(text, bytes)
		if len(got) > bytes || !utf8.ValidString(got) || strings.Contains(got, "\x00") {
			t.Errorf("Fit(%q, %d) = %q", text, bytes, got)
		}
		whole := audit.Fit(text, 1<<30)
		if !strings.HasPrefix(whole, got) || len(got) < min(len(whole), bytes-utf8.UTFMax+1) {
			t.Errorf("Fit(%q, %d) = %q of %q", text, bytes, got, whole)
		}
	})
}

func TestTypes_Contract(t *testing.T) {
	const contract = `login_success login_failure login_throttled logout session_revoked refresh_reuse_detected password_set password_changed
		user_created user_updated user_deleted roles_changed api_key_issued api_key_revoked api_key_rotated access_denied
		quota_changed models_changed bootstrap` // models_changed is ours
	var got []string
	for _, e := range audit.Types {
		got = append(got, string(e))
	}
	if want := strings.Fields(contract); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
