package apptest_test

import (
	"bytes"
	"database/sql"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/paddock-gate/paddock/internal/apptest"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// lockSQLite takes the lock that allows writes, as a tool that makes backups does, and returns what gives it back.
func lockSQLite(t testing.TB, url, how string) (unlock func()) {
	t.Helper()
	other, err := sql.Open("sqlite", "file:"+strings.TrimPrefix(url, "sqlite://")+"?_pragma=busy_timeout(5000)")
	must(t, err)
	other.SetMaxOpenConns(1)
	_, err = other.ExecContext(t.Context(), how)
	must(t, err)
	return func() {
		_, err := other.Exec("ROLLBACK")
		must(t, err)
		must(t, other.Close())
	}
}

func TestFaults_SQLiteLocked(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"} {
		t.Run(how, func(t *testing.T) {
			a := newActor(t, apptest.Start(t, storetest.SQLite(t), nil))
			unlock := lockSQLite(t, a.Database, how)
			wantUnavailable(t, a.acts())
			wantReads(t, a)
			unlock()
			wantDone(t, a.acts())
			wantAccounted(t, a)
		})
	}
}

// smallDisk mounts a disk of so many bytes, or skips the test where that is not allowed.
func smallDisk(t *testing.T, bytes int) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+strconv.Itoa(bytes)); err != nil {
		t.Skipf("a full disk: not run: no disk of its own can be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func TestFaults_SQLiteDiskFull(t *testing.T) {
	t.Parallel()
	dir := smallDisk(t, 4<<20)
	content, err := os.ReadFile(strings.TrimPrefix(storetest.SQLite(t), "sqlite://"))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "paddock.db"), content, 0o600))
	a := newActor(t, apptest.Start(t, "sqlite://"+filepath.Join(dir, "paddock.db"), nil))
	wantReady(t, a, http.StatusOK)
	rest := filepath.Join(dir, "rest")
	for size := 4 << 20; size >= 1; size /= 2 { // as large as it may be
		file, err := os.OpenFile(rest, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		must(t, err)
		for err == nil {
			_, err = file.Write(make([]byte, size))
		}
		must(t, file.Close())
	}
	for got := a.createUser(t.Context(), newEmail(), ""); got.StatusCode == http.StatusOK; { // what room was left in files
		got = a.createUser(t.Context(), newEmail(), "")
	}
	wantUnavailable(t, a.audited())
	wantReads(t, a)
	wantReady(t, a, http.StatusServiceUnavailable)
	must(t, os.Remove(rest))
	wantDone(t, a.acts())
	wantReady(t, a, http.StatusOK)
	wantAccounted(t, a)
}

// TestFaults_SQLiteDamaged overwrites the file while the server runs, as a failing disk or a person may: calls succeed by what is in
// memory, or are told that the database is unavailable. Only another file and a restart mend that.
func TestFaults_SQLiteDamaged(t *testing.T) {
	t.Parallel()
	a := newActor(t, apptest.Start(t, storetest.SQLite(t), nil))
	_, err := a.Store.DB().ExecContext(t.Context(), `PRAGMA wal_checkpoint(TRUNCATE)`)
	must(t, err)
	path := strings.TrimPrefix(a.Database, "sqlite://")
	content, err := os.ReadFile(path)
	must(t, err)
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	must(t, err)
	_, err = file.WriteAt(bytes.Repeat([]byte{0xa5}, len(content)), 0)
	must(t, errors.Join(err, file.Close()))
	refused := 0
	for range 5 {
		for name, act := range a.acts() {
			switch got := act(t.Context()); {
			case isUnavailable(got):
				refused++
			case got.StatusCode != http.StatusOK && got.StatusCode != http.StatusForbidden:
				t.Errorf("%s: %d %s", name, got.StatusCode, got.body)
			}
		}
	}
	if refused == 0 {
		t.Error("no call has noticed")
	}
	wantReady(t, a, http.StatusServiceUnavailable)
}
