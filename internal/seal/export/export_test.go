package export_test

import (
	"bytes"
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

	"github.com/paddock-gate/paddock/ent/db/auditentry"
	"github.com/paddock-gate/paddock/internal/seal/export"
	"github.com/paddock-gate/paddock/internal/seal/sealtest"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

func TestExportLines(t *testing.T) {
	sealtest.Each(t, func(t *testing.T, tr *sealtest.Trail) {
		tr.Write(t, 300)
		tr.Seal(t)
		tr.Write(t, 1) // which is not sealed
		var all, none bytes.Buffer
		n, _, err := export.Lines(t.Context(), tr.Store, sealtest.KeysOf(t, tr.Key), time.Time{}, &all)
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
		if n, _, err := export.Lines(t.Context(), tr.Store, sealtest.KeysOf(t, tr.Key), time.Now().Add(time.Hour), &none); n != 0 || err != nil || none.Len() > 0 {
			t.Errorf("of the future: %d entries, %v", n, err)
		}
		tr.Change(t, `UPDATE audit_entries SET detail = 'nothing' WHERE id = '`+first.ID.String()+`'`)
		if _, _, err := export.Lines(t.Context(), tr.Store, sealtest.KeysOf(t, tr.Key), time.Time{}, &none); err == nil || !strings.Contains(err.Error(), first.ID.String()) {
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
			if _, err := export.Tiles(t.Context(), tr.Store, sealtest.KeysOf(t, tr.Key), dir); err != nil {
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
	if _, err := export.Tiles(t.Context(), tr.Store, sealtest.KeysOf(t, tr.Key), dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(public, []byte(tr.Key.Public()), 0o600); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	defer server.Close()
	fsck := exec.CommandContext(t.Context(), "go", "tool", "-modfile=internal/tools/fsck/go.mod", "fsck", "-ui=false",
		"-storage_url", server.URL+"/", "-public_key", public, "-origin", "example.com/paddock")
	fsck.Dir = "../../.."
	if out, err := fsck.CombinedOutput(); err != nil || !strings.Contains(string(out), "Successfully fsck'd log with size 1500") {
		t.Errorf("%v\n%s", err, out)
	}
}
