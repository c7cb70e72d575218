package store_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// texts are searched texts, with letters that mean something to LIKE, to a full-text search, or to one of the two databases.
var texts = []string{
	"", "a", "ab", "ada@example.com\nada\n", "aba\n", "ABA", `"ad" or "b"`, `100% _b_ \o/`, "äöü straße", "ſs ǆ İi", "e\u0301va", "日本語テスト", "🐴🐴🐴🦄", "a b  c", "near(a b)", "col : x*^",
	strings.Repeat("abcdefghij", 20), strings.Repeat("abcdefghij", 20) + "k", "\ufffe\uffff\ufffd", "'; --",
}

// TestFindUsers_EqualsContains holds the index against the text of each user, while users are made, renamed and deleted, and after VACUUM.
func TestFindUsers_EqualsContains(t *testing.T) { storetest.Each(t, findUsersEqualsContains) }

func findUsersEqualsContains(t *testing.T, url string) {
	s := storetest.Open(t, url)
	change := func(f func(ctx context.Context, tx *db.Tx) error) {
		t.Helper()
		if err := s.Tx(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	of := map[uuid.UUID]string{}
	check := func(when string) {
		t.Helper()
		for _, text := range append(slices.Clone(texts[1:]), "b", "\"", "xyz", "com\nada", "abd", "日本", "🐴", "jk", "ehijabcd") {
			want := 0
			for _, searched := range of {
				if strings.Contains(searched, text) {
					want++
				}
			}
			ids, ok, err := s.FindUsers(t.Context(), text, 100)
			if err != nil || !ok || len(ids) != want {
				t.Errorf("%s, %q: %d users, %v, %v, want %d", when, text, len(ids), ok, err, want)
			}
			for _, id := range ids {
				if !strings.Contains(of[id], text) {
					t.Errorf("%s: %q is not in %q", when, text, of[id])
				}
			}
		}
	}
	for i, text := range texts {
		id := uuid.Must(uuid.NewV7())
		of[id] = text
		change(func(ctx context.Context, tx *db.Tx) error {
			return tx.User.Create().SetID(id).SetEmail(fmt.Sprint(i)).SetSearch(text).Exec(ctx)
		})
	}
	check("new")
	i := 0
	for id := range of {
		switch i++; i % 3 {
		case 0:
			delete(of, id)
			change(func(ctx context.Context, tx *db.Tx) error { return tx.User.DeleteOneID(id).Exec(ctx) })
		case 1:
			of[id] = texts[i%len(texts)]
			change(func(ctx context.Context, tx *db.Tx) error { return tx.User.UpdateOneID(id).SetSearch(of[id]).Exec(ctx) })
		}
	}
	check("changed")
	raw, err := s.MigrationDB()
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	statements := []string{`VACUUM`}
	if s.Embedded() {
		statements = append(statements, `INSERT INTO user_trigrams (user_trigrams) VALUES ('integrity-check')`)
	}
	for _, statement := range statements {
		if _, err := raw.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	check("after VACUUM")
}

func TestFindUsers_Many(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		for i := range 3 {
			if err := s.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
				return tx.User.Create().SetEmail(fmt.Sprint(i)).SetSearch("text").Exec(ctx)
			}); err != nil {
				t.Fatal(err)
			}
		}
		for text, want := range map[string]bool{"text": false, "te": false, "texts": true, "xz": true} {
			if _, few, err := s.FindUsers(t.Context(), text, 2); err != nil || few != want {
				t.Errorf("%q: few is %v, %v", text, few, err)
			}
		}
	})
}
