package seal_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/audit"
	"github.com/paddock-gate/paddock/internal/seal"
	"github.com/paddock-gate/paddock/internal/seal/archive"
	"github.com/paddock-gate/paddock/internal/seal/sealtest"
	"github.com/paddock-gate/paddock/internal/store/storetest"
	"github.com/paddock-gate/paddock/internal/transfer"
)

func TestDeleteArchived(t *testing.T) {
	sealtest.Each(t, func(t *testing.T, tr *sealtest.Trail) {
		tr.WriteOld(t, 600, time.Now().Add(-100*sealtest.Day))
		tr.WriteOld(t, 5, time.Now().Add(-80*sealtest.Day))
		tr.Write(t, 3)
		old := tr.Seal(t)
		if n := tr.Retain(t, 90, 1000); n != 0 {
			t.Fatalf("%d deleted that are not archived", n)
		}
		first, _ := tr.Archive(t)
		tr.WriteOld(t, 4, time.Now().Add(-100*sealtest.Day)) // after the archive
		tr.Seal(t)
		if n := tr.Retain(t, 90, 300); n != 512 { // up to the end of a tile
			t.Errorf("%d deleted at once, want 512", n)
		}
		tr.WantArchived(t, 512, first)
		if n := tr.Retain(t, 90, 300); n != 88 {
			t.Errorf("%d deleted then, want the 88 that are left", n)
		}
		if n := tr.Retain(t, 90, 300); n != 0 {
			t.Errorf("%d deleted that are younger, or not archived", n)
		}
		tr.Seal(t)
		tr.WantSound(t, old, 600+5+3+1+4+1, 0) // one tells of the archive, one of the deletion
		tr.WantArchived(t, 600, first)

		second, _ := tr.Archive(t)
		tr.Restart(tr.Key)
		if n := tr.Retain(t, 70, 1000); n != 9 {
			t.Errorf("%d deleted after the second archive, want 9", n)
		}
		tr.ExpireTurn(t)
		tr.Seal(t)
		tr.WantArchived(t, 609, second, first)
		r, err := tr.VerifyWith(t, second)
		if err != nil || len(r.Findings) > 0 || r.Compared != 4 {
			t.Errorf("with one of two: %d compared, %v, %v", r.Compared, r.Findings, err)
		}
		wantTold(t, tr, 90, 70)
		wantExports(t, tr, 609, second, first)
	})
}

// wantTold fails the test unless an entry tells of each deletion.
func wantTold(t *testing.T, tr *sealtest.Trail, days ...int) {
	t.Helper()
	var told []string
	for _, e := range tr.Store.AuditEntry.Query().AllX(t.Context()) {
		if before, ok := strings.CutPrefix(e.Detail, "archived audit entries are deleted that are from before "); ok && e.EventType == string(audit.Bootstrap) {
			told = append(told, before)
		}
	}
	var want []string
	for _, n := range days {
		want = append(want, time.Now().UTC().AddDate(0, 0, -n).Format(time.DateOnly))
	}
	slices.Sort(told)
	slices.Sort(want)
	if fmt.Sprint(told) != fmt.Sprint(want) {
		t.Errorf("entries tell of %v, want %v", told, want)
	}
}

// wantExports fails the test unless an export has what is left, and says how many are archived, and with their files has all.
func wantExports(t *testing.T, tr *sealtest.Trail, archived int64, files ...string) {
	t.Helper()
	var lines, all bytes.Buffer
	keys, left := sealtest.KeysOf(t, tr.Key), int64(len(tr.IDs(t)))
	n, gone, err := seal.ExportLines(t.Context(), tr.Store, keys, time.Time{}, &lines)
	if err != nil || gone != archived || n != int64(bytes.Count(lines.Bytes(), []byte("\n"))) || n != left {
		t.Errorf("exported %d, archived %d, %v; want %d and %d", n, gone, err, left, archived)
	}
	if _, gone, err := seal.ExportLines(t.Context(), tr.Store, keys, time.Now().Add(-10*sealtest.Day), &lines); gone != 0 || err != nil {
		t.Errorf("of ten days: %d archived, %v", gone, err)
	}
	n, gone, err = seal.ExportLines(t.Context(), tr.Store, keys, time.Now().Add(-90*sealtest.Day), &all, files...)
	if err != nil || gone != 0 || n != left+5 {
		t.Errorf("of 90 days, with archives: exported %d, archived %d, %v; want %d", n, gone, err, left+5)
	}
	if _, err := seal.ExportTiles(t.Context(), tr.Store, keys, filepath.Join(t.TempDir(), "log")); err == nil || !strings.Contains(err.Error(), "archives alone") {
		t.Errorf("of the whole log: %v", err)
	}
	dir := filepath.Join(t.TempDir(), "log")
	if n, err := seal.ExportTiles(t.Context(), tr.Store, keys, dir, files...); n != left+archived || err != nil {
		t.Fatalf("of the whole log, with archives: %d, %v", n, err)
	}
	sealtest.CheckTiles(t, dir, tr.Key.Public(), int(left+archived))
	if err := os.Truncate(files[0], 700); err != nil {
		t.Fatal(err)
	}
	if _, _, err := seal.ExportLines(t.Context(), tr.Store, keys, time.Time{}, &all, files...); err == nil || !strings.Contains(err.Error(), "ends before it") {
		t.Errorf("with a truncated archive: %v", err)
	}
}

// TestVerify_DeletedMeanwhile: what is deleted, or archived and deleted, while a verification runs is no finding.
func TestVerify_DeletedMeanwhile(t *testing.T) {
	for _, archivedBefore := range []bool{true, false} {
		t.Run(fmt.Sprintf("ArchivedBefore=%v", archivedBefore), func(t *testing.T) {
			sealtest.Each(t, func(t *testing.T, tr *sealtest.Trail) {
				tr.WriteOld(t, 20, time.Now().Add(-100*sealtest.Day))
				tr.Write(t, 3)
				tr.Seal(t)
				var file string
				if archivedBefore {
					file, _ = tr.Archive(t)
				}
				pipe := filepath.Join(t.TempDir(), "pipe")
				if err := syscall.Mkfifo(pipe, 0o600); err != nil {
					t.Fatal(err)
				}
				verified := make(chan error)
				go func() {
					r, err := tr.VerifyWith(t, pipe)
					if len(r.Findings) > 0 || r.Archived != 20 || r.Compared != 20 {
						err = fmt.Errorf("%d archived, %d compared, %v, %w", r.Archived, r.Compared, r.Findings, err)
					}
					verified <- err
				}()
				w, err := os.OpenFile(pipe, os.O_WRONLY, 0) // when the verification has looked for archives
				if err != nil {
					t.Fatal(err)
				}
				if !archivedBefore {
					file, _ = tr.Archive(t)
				}
				if n := tr.Retain(t, 90, 1000); n != 20 {
					t.Errorf("%d deleted, want 20", n)
				}
				text, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := w.Write(text); err != nil {
					t.Fatal(err)
				}
				if err := os.Rename(file, pipe); err != nil { // for a second look
					t.Fatal(err)
				}
				w.Close()
				if err := <-verified; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestVerify_ArchivedAttacks: archives hide no deletion of what is not archived, or was not due, and no forged one hides anything.
func TestVerify_ArchivedAttacks(t *testing.T) {
	const record = `INSERT INTO audit_archives (id, size, through, record, archived_at)
		SELECT '%s', %s, through, %s, archived_at FROM audit_archives WHERE id = '000000000000'`
	drop := map[bool][]string{
		true:  {"DROP TRIGGER audit_archives_refuse_update", "DROP TRIGGER audit_archives_refuse_delete"},
		false: {"DROP TRIGGER audit_archives_are_immutable ON audit_archives"},
	}
	for _, attack := range []struct {
		name       string
		statements []string // {young} is the id at position 5, which is young, {other} that at 7, which is not archived
		want       []string
		archived   int64
	}{
		{"Young", []string{`DELETE FROM audit_entries WHERE id = '{young}'`}, []string{"deleted entry {young} at position 5: archived, but not yet old"}, 5},
		{"NotArchived", []string{`DELETE FROM audit_entries WHERE id = '{other}'`}, []string{"deleted entry {other} at position 7"}, 4},
		{"Longer", []string{`DELETE FROM audit_entries WHERE id = '{other}'`, `UPDATE audit_archives SET size = 9`}, []string{"damaged: the record of archive", "deleted entry {other}"}, 0},
		{"LongerRecord", []string{`DELETE FROM audit_entries WHERE id = '{other}'`, `UPDATE audit_archives SET size = 9, record = replace(record, 'size 6', 'size 9')`}, []string{"damaged: the record of archive", "deleted entry {other}"}, 0},
		{"Another", []string{`DELETE FROM audit_entries WHERE id = '{other}'`, fmt.Sprintf(record, "000000000006", "9", "record")}, []string{"damaged: the record of archive", "deleted entry {other}"}, 4},
		{"OfCheckpoint", []string{`DELETE FROM audit_entries WHERE id = '{other}'`, fmt.Sprintf(record, "000000000006", "9", "(SELECT checkpoint FROM seals)")}, []string{"damaged: the record of archive", "deleted entry {other}"}, 4},
		{"NoRecord", []string{`DELETE FROM audit_archives`}, []string{"deleted entry"}, 0},
		{"OtherIDs", []string{`UPDATE seal_tiles SET data = {tile} WHERE id = 'e/000000000000'`}, []string{"the ids up to position 5 are not those that were archived", "inserted"}, 5},
		{
			"Told",
			[]string{`DELETE FROM audit_entries WHERE id = '{young}'`, `INSERT INTO audit_entries (id, event_type, occurred_at, actor_email, ip, user_agent, request_id, outcome, detail)
			SELECT '019b0000-0000-7000-8000-000000000001', 'bootstrap', occurred_at, '', '', '', '', 'success', 'archived audit entries are deleted that are from before 9999-01-01' FROM audit_entries WHERE id = '{other}'`},
			[]string{"deleted entry {young} at position 5", "inserted"},
			5,
		},
	} {
		t.Run(attack.name, func(t *testing.T) {
			sealtest.Each(t, func(t *testing.T, tr *sealtest.Trail) {
				tr.WriteOld(t, 4, time.Now().Add(-100*sealtest.Day))
				tr.Write(t, 2)
				tr.Seal(t)
				young := tr.IDs(t)[5].String()
				tr.Archive(t)
				if n := tr.Retain(t, 90, 1000); n != 4 {
					t.Fatalf("%d deleted, want 4", n)
				}
				tr.Write(t, 3)
				tr.Seal(t)
				ids := tr.IDs(t)
				other := ids[3].String()
				// The id of the young entry becomes one of long ago.
				tile := `CAST(substr(data, 1, 80) || substr(data, 1, 6) || substr(data, 87) AS BLOB)`
				if !tr.Store.Embedded() {
					tile = `substr(data, 1, 80) || substr(data, 1, 6) || substr(data, 87)`
				}
				with := strings.NewReplacer("{young}", young, "{other}", other, "{tile}", tile)
				statements := slices.Clone(drop[tr.Store.Embedded()])
				for _, s := range attack.statements {
					statements = append(statements, with.Replace(s))
				}
				tr.Change(t, statements...)
				r, err := tr.VerifyWith(t)
				if err != nil || r.Archived != attack.archived && attack.archived > 0 {
					t.Errorf("%d archived, %v", r.Archived, err)
				}
				text := fmt.Sprint(r.Findings)
				for _, want := range attack.want {
					if !strings.Contains(text, with.Replace(want)) {
						t.Errorf("found %s, want %q", text, with.Replace(want))
					}
				}
			})
		})
	}
}

// TestDeleteArchived_Forged: a server deletes nothing for a record that the log's key has not signed.
func TestDeleteArchived_Forged(t *testing.T) {
	sealtest.Each(t, func(t *testing.T, tr *sealtest.Trail) {
		tr.WriteOld(t, 4, time.Now().Add(-100*sealtest.Day))
		tr.Seal(t)
		tr.Archive(t)
		other := sealtest.NewKey(t)
		n, err := archive.NewDeleter(tr.Store, tr.Log, other.Verifiers()).Delete(t.Context(), time.Now().Add(-90*sealtest.Day), 1000)
		if n != 0 || err == nil || !strings.Contains(err.Error(), "not signed by a known key") {
			t.Errorf("deleted %d, %v", n, err)
		}
		n, err = archive.NewDeleter(tr.Store, tr.Log, sealtest.NewKey(t, tr.Key).Verifiers()).Delete(t.Context(), time.Now().UTC().Truncate(sealtest.Day).Add(-90*sealtest.Day), 1000)
		if n != 4 || err != nil {
			t.Errorf("with a later key: deleted %d, %v", n, err)
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
