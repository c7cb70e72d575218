package apptest_test

import (
	"database/sql"
	"strings"
	"testing"

	"github.com/paddock-gate/paddock/internal/apptest"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// lockSQLite takes the lock that allows writes, as a tool that makes backups does, and returns what gives it back.
func lockSQLite(t testing.TB, url, how string) (unlock func()) {
	t.Helper()
	other, err := sql.Open("sqlite", "file:"+strings.TrimPrefix(url, "sqlite://"))
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
