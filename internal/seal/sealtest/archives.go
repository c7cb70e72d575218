package sealtest

import (
	"encoding/binary"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/internal/seal/export"
	"github.com/paddock-gate/paddock/internal/seal/verify"
)

// Day is a day.
const Day = 24 * time.Hour

// WriteOld writes n entries as they would have been at a time.
func (tr *Trail) WriteOld(t *testing.T, n int, at time.Time) {
	t.Helper()
	statements := make([]string, n)
	for i := range n {
		id := uuid.Must(uuid.NewV7())
		var ms [8]byte
		binary.BigEndian.PutUint64(ms[:], uint64(at.UnixMilli()))
		copy(id[:6], ms[2:])
		statements[i] = fmt.Sprintf(`INSERT INTO audit_entries (id, event_type, occurred_at, actor_email, ip, user_agent, request_id, outcome, detail)
			VALUES ('%s', 'logout', '%s', '', '', '', '', 'success', 'old "%d"')`, id, at.UTC().Format("2006-01-02 15:04:05.000000+00:00"), i)
	}
	tr.Exec(t, statements...)
}

// Archive archives into a new file.
func (tr *Trail) Archive(t *testing.T) (file string, done export.Archived) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "audit.jsonl")
	done, err := export.Archive(t.Context(), tr.Store, tr.Log, tr.Key, file, "root on db1")
	if err != nil {
		t.Fatal(err)
	}
	return file, done
}

// Retain deletes archived entries from before so many days ago.
func (tr *Trail) Retain(t *testing.T, days int, most int64) int64 {
	t.Helper()
	n, err := tr.Deleter.Delete(t.Context(), time.Now().UTC().Truncate(Day).Add(-time.Duration(days)*Day), most)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// VerifyWith verifies with files of archives.
func (tr *Trail) VerifyWith(t *testing.T, files ...string) (verify.Report, error) {
	t.Helper()
	return verify.Trail(t.Context(), tr.Store, verify.Options{Keys: KeysOf(t, tr.Key), Archives: files, Readers: 2})
}

// WantArchived fails the test unless all is sound, and so many entries are in archives alone, all of which are in the files.
func (tr *Trail) WantArchived(t *testing.T, n int64, files ...string) {
	t.Helper()
	r, err := tr.VerifyWith(t)
	if err != nil || len(r.Findings) > 0 || r.Archived != n || r.Compared != 0 {
		t.Errorf("%d archived, %d compared, findings %v, %v; want %d and none compared", r.Archived, r.Compared, r.Findings, err, n)
	}
	r, err = tr.VerifyWith(t, files...)
	if err != nil || len(r.Findings) > 0 || r.Archived != n || r.Compared != n {
		t.Errorf("with archives: %d archived, %d compared, findings %v, %v; want %d", r.Archived, r.Compared, r.Findings, err, n)
	}
}
