package verify_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/seal/sealtest"
)

// TestVerify_ArchiveFiles: an archive that is not what was archived is named.
func TestVerify_ArchiveFiles(t *testing.T) {
	sealtest.Each(t, func(t *testing.T, tr *sealtest.Trail) {
		tr.WriteOld(t, 300, time.Now().Add(-100*sealtest.Day))
		tr.Seal(t)
		file, _ := tr.Archive(t)
		if n := tr.Retain(t, 90, 1000); n != 300 {
			t.Fatalf("%d deleted, want 300", n)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		lines := bytes.SplitAfter(text, []byte("\n"))
		joined := func(lines ...[]byte) []byte { return bytes.Join(lines, nil) }
		for name, attack := range map[string]struct {
			text     []byte
			want     string
			compared int64
		}{
			"Changed":   {bytes.Replace(text, []byte(`"old \"17\""`), []byte(`"old \"71\""`), 1), "in archive", 299},
			"Truncated": {joined(lines[:250]...), "ends before it", 250},
			"Torn":      {text[:len(text)-1], "ends before it", 299},
			"Longer":    {append(slices.Clone(text), "{}\n"...), "is not what was archived", 300},
			"Swapped":   {joined(slices.Concat(lines[:7], lines[8:9], lines[7:8], lines[9:])...), "in archive", 298},
			"Dropped":   {joined(slices.Concat(lines[:7], lines[8:])...), "in archive", 7},
			"NoFirst":   {joined(lines[1:]...), "does not begin as any", 0},
			"Empty":     {nil, "does not begin as any", 0},
			"Binary":    {bytes.Repeat([]byte{0, 0xff}, 1<<17), "does not begin as any", 0},
		} {
			changed := filepath.Join(t.TempDir(), "changed.jsonl")
			if err := os.WriteFile(changed, attack.text, 0o600); err != nil {
				t.Fatal(err)
			}
			r, err := tr.VerifyWith(t, changed)
			if err != nil || len(r.Findings) == 0 || r.Archived != 300 || r.Compared != attack.compared {
				t.Errorf("%s: %d compared, %v, %v; want %d", name, r.Compared, r.Findings, err, attack.compared)
				continue
			}
			for _, f := range r.Findings {
				if !strings.Contains(f.String(), attack.want) || !strings.Contains(f.String(), "changed.jsonl") {
					t.Errorf("%s: %v, want %q", name, f, attack.want)
				}
			}
		}
		if _, err := tr.VerifyWith(t, filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("without the file: %v", err)
		}
	})
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
		{
			"ToldOfTheFuture",
			[]string{`DELETE FROM audit_entries WHERE id = '{young}'`, `INSERT INTO audit_entries (id, event_type, occurred_at, actor_email, ip, user_agent, request_id, outcome, detail)
			VALUES ('019b0000-0000-7000-8000-000000000001', 'bootstrap', '2090-01-01 00:00:00.000000+00:00', '', '', '', '', 'success', 'archived audit entries are deleted that are from before 2089-01-01')`},
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
