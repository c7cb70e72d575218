package seal_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/ent/db/auditentry"
	"github.com/paddock-gate/paddock/internal/audit"
	"github.com/paddock-gate/paddock/internal/caller"
	"github.com/paddock-gate/paddock/internal/seal"
	"github.com/paddock-gate/paddock/internal/seal/sealtest"
	"github.com/paddock-gate/paddock/internal/store/storetest"
	"github.com/paddock-gate/paddock/internal/transfer"
)

func TestExportLines(t *testing.T) {
	sealtest.Each(t, func(t *testing.T, tr *sealtest.Trail) {
		tr.Write(t, 300)
		tr.Seal(t)
		tr.Write(t, 1) // which is not sealed
		var all, none bytes.Buffer
		n, _, err := seal.ExportLines(t.Context(), tr.Store, sealtest.KeysOf(t, tr.Key), time.Time{}, &all)
		if err != nil || n != 300 {
			t.Fatalf("%d entries, %v", n, err)
		}
		line, _, _ := strings.Cut(all.String(), "\n")
		var got map[string]any
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatal(err)
		}
		first := tr.Store.AuditEntry.Query().Order(auditentry.ByID()).FirstX(t.Context())
		want := map[string]any{
			"actor_email": "", "actor_user_id": nil, "credential_id": nil, "detail": first.Detail, "event_type": "access_denied", "id": first.ID.String(),
			"ip": "", "occurred_at": first.OccurredAt.Format("2006-01-02T15:04:05.000000Z"), "outcome": "success", "request_id": "", "session_id": nil,
			"target_user_id": nil, "user_agent": "", "v": 1.0,
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("got %v\nwant %v", got, want)
		}
		if n, _, err := seal.ExportLines(t.Context(), tr.Store, sealtest.KeysOf(t, tr.Key), time.Now().Add(time.Hour), &none); n != 0 || err != nil || none.Len() > 0 {
			t.Errorf("of the future: %d entries, %v", n, err)
		}
		tr.Change(t, `UPDATE audit_entries SET detail = 'nothing' WHERE id = '`+first.ID.String()+`'`)
		if _, _, err := seal.ExportLines(t.Context(), tr.Store, sealtest.KeysOf(t, tr.Key), time.Time{}, &none); err == nil || !strings.Contains(err.Error(), first.ID.String()) {
			t.Errorf("exports what was changed: %v", err)
		}
	})
}

// TestExportTiles_Foreign: what is exported is verified with Go's own client of transparency logs, which knows nothing of Paddock.
func TestExportTiles_Foreign(t *testing.T) {
	for _, n := range []int{1, 255, 256, 257, 700} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			tr := sealtest.New(t, storetest.SQLite(t))
			tr.Write(t, n)
			tr.Seal(t)
			dir := filepath.Join(t.TempDir(), "log")
			if _, err := seal.ExportTiles(t.Context(), tr.Store, sealtest.KeysOf(t, tr.Key), dir); err != nil {
				t.Fatal(err)
			}
			sealtest.CheckTiles(t, dir, tr.Key.Public(), n)
		})
	}
}

// TestExportTiles_Fsck: with PADDOCK_PROOF=full also tessera's fsck verifies it, which is built for that.
func TestExportTiles_Fsck(t *testing.T) {
	if os.Getenv("PADDOCK_PROOF") != "full" {
		t.Skip("builds a program of many modules")
	}
	tr := sealtest.New(t, storetest.SQLite(t))
	tr.Write(t, 1500)
	tr.Seal(t)
	dir, public := filepath.Join(t.TempDir(), "log"), filepath.Join(t.TempDir(), "public")
	if _, err := seal.ExportTiles(t.Context(), tr.Store, sealtest.KeysOf(t, tr.Key), dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(public, []byte(tr.Key.Public()), 0o600); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	defer server.Close()
	fsck := exec.CommandContext(t.Context(), "go", "tool", "-modfile=internal/tools/fsck/go.mod", "fsck", "-ui=false",
		"-storage_url", server.URL+"/", "-public_key", public, "-origin", "example.com/paddock")
	fsck.Dir = "../.."
	if out, err := fsck.CombinedOutput(); err != nil || !strings.Contains(string(out), "Successfully fsck'd log with size 1500") {
		t.Errorf("%v\n%s", err, out)
	}
}

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
		if _, _, err := seal.ExportLines(t.Context(), tr.Store, sealtest.KeysOf(t, tr.Key), time.Time{}, &lines); err != nil {
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
