package seal_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
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

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/ent/db/auditentry"
	"github.com/paddock-gate/paddock/internal/audit"
	"github.com/paddock-gate/paddock/internal/caller"
	"github.com/paddock-gate/paddock/internal/seal"
	"github.com/paddock-gate/paddock/internal/store/storetest"
	"github.com/paddock-gate/paddock/internal/transfer"
)

func TestExportLines(t *testing.T) {
	each(t, func(t *testing.T, tr *trail) {
		tr.write(t, 300)
		tr.seal(t)
		tr.write(t, 1) // which is not sealed
		var all, none bytes.Buffer
		n, _, err := seal.ExportLines(t.Context(), tr.store, keysOf(t, tr.key), time.Time{}, &all)
		if err != nil || n != 300 {
			t.Fatalf("%d entries, %v", n, err)
		}
		line, _, _ := strings.Cut(all.String(), "\n")
		var got map[string]any
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatal(err)
		}
		first := tr.store.AuditEntry.Query().Order(auditentry.ByID()).FirstX(t.Context())
		want := map[string]any{
			"actor_email": "", "actor_user_id": nil, "credential_id": nil, "detail": first.Detail, "event_type": "access_denied", "id": first.ID.String(),
			"ip": "", "occurred_at": first.OccurredAt.Format("2006-01-02T15:04:05.000000Z"), "outcome": "success", "request_id": "", "session_id": nil,
			"target_user_id": nil, "user_agent": "", "v": 1.0,
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("got %v\nwant %v", got, want)
		}
		if n, _, err := seal.ExportLines(t.Context(), tr.store, keysOf(t, tr.key), time.Now().Add(time.Hour), &none); n != 0 || err != nil || none.Len() > 0 {
			t.Errorf("of the future: %d entries, %v", n, err)
		}
		tr.change(t, `UPDATE audit_entries SET detail = 'nothing' WHERE id = '`+first.ID.String()+`'`)
		if _, _, err := seal.ExportLines(t.Context(), tr.store, keysOf(t, tr.key), time.Time{}, &none); err == nil || !strings.Contains(err.Error(), first.ID.String()) {
			t.Errorf("exports what was changed: %v", err)
		}
	})
}

// TestExportTiles_Foreign: what is exported is verified with Go's own client of transparency logs, which knows nothing of Paddock.
func TestExportTiles_Foreign(t *testing.T) {
	for _, n := range []int{1, 255, 256, 257, 700} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			tr := newTrail(t, storetest.SQLite(t))
			tr.write(t, n)
			tr.seal(t)
			dir := filepath.Join(t.TempDir(), "log")
			if _, err := seal.ExportTiles(t.Context(), tr.store, keysOf(t, tr.key), dir); err != nil {
				t.Fatal(err)
			}
			checkTiles(t, dir, tr.key.Public(), n)
		})
	}
}

// TestExportTiles_Fsck: with PADDOCK_PROOF=full also tessera's fsck verifies it, which is built for that.
func TestExportTiles_Fsck(t *testing.T) {
	if os.Getenv("PADDOCK_PROOF") != "full" {
		t.Skip("builds a program of many modules")
	}
	tr := newTrail(t, storetest.SQLite(t))
	tr.write(t, 1500)
	tr.seal(t)
	dir, public := filepath.Join(t.TempDir(), "log"), filepath.Join(t.TempDir(), "public")
	if _, err := seal.ExportTiles(t.Context(), tr.store, keysOf(t, tr.key), dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(public, []byte(tr.key.Public()), 0o600); err != nil {
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

func checkTiles(t *testing.T, dir, public string, n int) {
	t.Helper()
	read := func(path string) []byte {
		data, err := os.ReadFile(filepath.Join(dir, path))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	v, err := note.NewVerifier(public)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := note.Open(read("checkpoint"), note.VerifierList(v))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(signed.Text, "\n")
	root, err := tlog.ParseHash(lines[2])
	if err != nil || lines[0] != "example.com/paddock" || lines[1] != fmt.Sprint(n) {
		t.Fatalf("checkpoint %q, %v", signed.Text, err)
	}
	reader := tlog.TileHashReader(tlog.Tree{N: int64(n), Hash: root}, tileFolder(read))
	var bundle []byte
	for i := range n {
		if i%256 == 0 {
			path := fmt.Sprintf("tile/entries/%03d", i/256)
			if left := n - i; left < 256 {
				path += fmt.Sprintf(".p/%d", left)
			}
			bundle = read(path)
		}
		width := int(binary.BigEndian.Uint16(bundle))
		leaf := sha256.Sum256(append([]byte{0}, bundle[2:2+width]...))
		bundle = bundle[2+width:]
		hashes, err := reader.ReadHashes([]int64{tlog.StoredHashIndex(0, int64(i))})
		if err != nil || hashes[0] != tlog.Hash(leaf) {
			t.Fatalf("entry %d is not what the tree has (%v)", i, err)
		}
	}
}

// tileFolder is a tlog.TileReader of the layout of C2SP tlog-tiles.
type tileFolder func(path string) []byte

func (tileFolder) Height() int                     { return 8 }
func (tileFolder) SaveTiles([]tlog.Tile, [][]byte) {}
func (f tileFolder) ReadTiles(tiles []tlog.Tile) (data [][]byte, err error) {
	for _, t := range tiles {
		path := fmt.Sprintf("tile/%d/%03d", t.L, t.N)
		if t.W < 256 {
			path += fmt.Sprintf(".p/%d", t.W)
		}
		data = append(data, f(path))
	}
	return data, nil
}

// TestSeal_Copied: the seal goes with the entries to a database of the other kind, and on there.
func TestSeal_Copied(t *testing.T) {
	each(t, func(t *testing.T, tr *trail) {
		tr.write(t, 300)
		old := tr.seal(t)
		tr.write(t, 2)
		other := storetest.PostgreSQL
		if !tr.store.Embedded() {
			other = storetest.SQLite
		}
		to := newTrail(t, other(t))
		if err := transfer.Copy(t.Context(), tr.store, to.store, func(string, int64) {}); err != nil {
			t.Fatal(err)
		}
		to.key, to.sealer = tr.key, seal.New(to.store, to.log, tr.key)
		to.wantSound(t, old, 300, 2)
		to.expireTurn(t)
		to.seal(t)
		to.wantSound(t, old, 302, 0)
	})
}

// TestSeal_UserDeleted: a user who is deleted is in the trail by value, which stays as it was sealed.
func TestSeal_UserDeleted(t *testing.T) {
	each(t, func(t *testing.T, tr *trail) {
		user := tr.makeUser(t, "ada@example.com")
		ctx := caller.With(t.Context(), &caller.Caller{UserID: user.ID, Email: user.Email})
		if err := tr.log.Record(ctx, audit.Event{Type: audit.LoginSuccess, TargetUserID: user.ID}); err != nil {
			t.Fatal(err)
		}
		old := tr.seal(t)
		err := tr.log.Do(t.Context(), func(ctx context.Context, tx *db.Tx) (audit.Event, error) {
			return audit.Event{Type: audit.UserDeleted, TargetUserID: user.ID}, tx.User.DeleteOneID(user.ID).Exec(ctx)
		})
		if err != nil {
			t.Fatal(err)
		}
		tr.wantSound(t, old, 2, 1)
		tr.seal(t)
		tr.wantSound(t, old, 3, 0)
	})
}

func (tr *trail) makeUser(t *testing.T, email string) *db.User {
	t.Helper()
	var user *db.User
	err := tr.log.Do(t.Context(), func(ctx context.Context, tx *db.Tx) (_ audit.Event, err error) {
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
	each(t, func(t *testing.T, tr *trail) {
		tr.exec(t, `DELETE FROM unsealed_entries`)
		tr.write(t, 3)
		tr.exec(t, `DELETE FROM unsealed_entries`)
		var migration string
		for _, name := range []string{"sqlite", "postgres"} {
			if strings.HasPrefix(tr.url, name) {
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
		tr.write(t, 2)
		tr.exec(t, migration[strings.LastIndex(migration, "INSERT INTO"):])
		tr.seal(t)
		tr.wantSound(t, "", 5, 0)
		var lines bytes.Buffer
		if _, _, err := seal.ExportLines(t.Context(), tr.store, keysOf(t, tr.key), time.Time{}, &lines); err != nil {
			t.Fatal(err)
		}
		at := -1
		for i, id := range tr.ids(t) {
			next := strings.Index(lines.String(), id.String())
			if next <= at {
				t.Errorf("entry %d is not after the one before", i)
			}
			at = next
		}
	})
}
