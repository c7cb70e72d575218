package seal_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/internal/audit"
	"github.com/paddock-gate/paddock/internal/caller"
	"github.com/paddock-gate/paddock/internal/seal/export"
	"github.com/paddock-gate/paddock/internal/seal/sealtest"
	"github.com/paddock-gate/paddock/internal/store/storetest"
	"github.com/paddock-gate/paddock/internal/transfer"
)

// TestSeal_Copied: the seal goes with the entries to a database of the other kind, and on there.
func TestSeal_Copied(t *testing.T) {
	sealtest.Each(t, func(t *testing.T, tr *sealtest.Trail) {
		tr.Write(t, 300)
		old := tr.Seal(t)
		tr.Write(t, 2)
		other := storetest.PostgreSQL
		if !tr.Store.Embedded() {
			other = storetest.SQLite
		}
		to := sealtest.New(t, other(t))
		if err := transfer.Copy(t.Context(), tr.Store, to.Store, func(string, int64) {}); err != nil {
			t.Fatal(err)
		}
		to.Restart(tr.Key)
		to.WantSound(t, old, 300, 2)
		to.ExpireTurn(t)
		to.Seal(t)
		to.WantSound(t, old, 302, 0)
	})
}

// TestSeal_UserDeleted: a user who is deleted is in the trail by value, which stays as it was sealed.
func TestSeal_UserDeleted(t *testing.T) {
	sealtest.Each(t, func(t *testing.T, tr *sealtest.Trail) {
		user := makeUser(t, tr, "ada@example.com")
		ctx := caller.With(t.Context(), &caller.Caller{UserID: user.ID, Email: user.Email})
		if err := tr.Log.Record(ctx, audit.Event{Type: audit.LoginSuccess, TargetUserID: user.ID}); err != nil {
			t.Fatal(err)
		}
		old := tr.Seal(t)
		err := tr.Log.Do(t.Context(), func(ctx context.Context, tx *db.Tx) (audit.Event, error) {
			return audit.Event{Type: audit.UserDeleted, TargetUserID: user.ID}, tx.User.DeleteOneID(user.ID).Exec(ctx)
		})
		if err != nil {
			t.Fatal(err)
		}
		tr.WantSound(t, old, 2, 1)
		tr.Seal(t)
		tr.WantSound(t, old, 3, 0)
	})
}

func makeUser(t *testing.T, tr *sealtest.Trail, email string) *db.User {
	t.Helper()
	var user *db.User
	err := tr.Log.Do(t.Context(), func(ctx context.Context, tx *db.Tx) (_ audit.Event, err error) {
		user, err = tx.User.Create().SetEmail(email).Save(ctx)
		return audit.Event{Type: audit.UserCreated}, err
	})
	if err != nil {
		t.Fatal(err)
	}
	return user
}

// TestSeal_EarlierEntries: those that were there before the table of what waits was are sealed, too, in their order.
func TestSeal_EarlierEntries(t *testing.T) {
	sealtest.Each(t, func(t *testing.T, tr *sealtest.Trail) {
		tr.Exec(t, `DELETE FROM unsealed_entries`)
		tr.Write(t, 3)
		tr.Exec(t, `DELETE FROM unsealed_entries`)
		var migration string
		for _, name := range []string{"sqlite", "postgres"} {
			if strings.HasPrefix(tr.URL, name) {
				files, err := filepath.Glob("../../ent/migrations/" + name + "/*_seal.sql")
				if err != nil || len(files) != 1 {
					t.Fatal(files, err)
				}
				text, err := os.ReadFile(files[0])
				if err != nil {
					t.Fatal(err)
				}
				migration = string(text)
			}
		}
		tr.Write(t, 2)
		tr.Exec(t, migration[strings.LastIndex(migration, "INSERT INTO"):])
		tr.Seal(t)
		tr.WantSound(t, "", 5, 0)
		var lines bytes.Buffer
		if _, _, err := export.Lines(t.Context(), tr.Store, sealtest.KeysOf(t, tr.Key), time.Time{}, &lines); err != nil {
			t.Fatal(err)
		}
		at := -1
		for i, id := range tr.IDs(t) {
			next := strings.Index(lines.String(), id.String())
			if next <= at {
				t.Errorf("entry %d is not after the one before", i)
			}
			at = next
		}
	})
}

// TestSeal_CopiedArchived: the archives go with the entries to a database of the other kind.
func TestSeal_CopiedArchived(t *testing.T) {
	sealtest.Each(t, func(t *testing.T, tr *sealtest.Trail) {
		tr.WriteOld(t, 300, time.Now().Add(-100*sealtest.Day))
		tr.WriteOld(t, 3, time.Now().Add(-80*sealtest.Day))
		tr.Seal(t)
		file, _ := tr.Archive(t)
		tr.Retain(t, 90, 1000)
		other := storetest.PostgreSQL
		if !tr.Store.Embedded() {
			other = storetest.SQLite
		}
		to := sealtest.New(t, other(t))
		if err := transfer.Copy(t.Context(), tr.Store, to.Store, func(string, int64) {}); err != nil {
			t.Fatal(err)
		}
		to.Restart(tr.Key)
		to.ExpireTurn(t)
		to.Seal(t)
		to.WantArchived(t, 300, file)
		if n := to.Retain(t, 70, 1000); n != 3 {
			t.Errorf("%d deleted there, want 3", n)
		}
		to.WantArchived(t, 303, file)
	})
}
