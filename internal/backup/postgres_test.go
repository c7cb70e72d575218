package backup_test

import (
	"context"
	"fmt"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/paddock-gate/paddock/internal/audit"
	"github.com/paddock-gate/paddock/internal/backup"
	"github.com/paddock-gate/paddock/internal/migrate"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

func TestDump_Load(t *testing.T) {
	for _, program := range []string{"pg_dump", "pg_restore"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("not run: no %s", program)
		}
	}
	from, to := storetest.PostgreSQL(t), storetest.EmptyPostgreSQL(t)
	s := storetest.Open(t, from)
	for i := range 10 {
		if err := addUser(t.Context(), audit.Open(s), fmt.Sprintf("user%d@example.com", i)); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(t.TempDir(), "it's a backup.dump")
	shell(t, backup.Dump(from+"&pool_max_conns=4", file))
	shell(t, backup.Load(to, file))
	restored := storetest.Open(t, to)
	if err := migrate.Check(t.Context(), restored); err != nil {
		t.Error(err)
	}
	if n := restored.User.Query().CountX(t.Context()); n != 10 {
		t.Errorf("%d users, want 10", n)
	}
	if _, err := restored.DB().ExecContext(t.Context(), `DELETE FROM audit_entries`); err == nil {
		t.Error("audit entries can be deleted now")
	}
}

func shell(t *testing.T, command string) {
	t.Helper()
	if out, err := exec.CommandContext(context.WithoutCancel(t.Context()), "sh", "-c", command).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
}

func TestDump_HidesPassword(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"postgres://app:canary@db:5432/app?sslmode=require&pool_max_conns=9", "postgres://app@db:5432/app?sslmode=require"},
		{"postgres://app:canary@/app?host=%2Fvar%2Frun%2Fmy%20db&password=canary", "postgres://app@/app?host=%2Fvar%2Frun%2Fmy%20db"},
		{"postgres://db/app", "postgres://db/app"},
		{"postgres://db/app?default_query_exec_mode=exec&statement_cache_capacity=0", "postgres://db/app"},
	} {
		for _, command := range []string{backup.Dump(c.in, "f"), backup.Load(c.in, "f")} {
			if !strings.Contains(command, "--dbname='"+c.want+"'") {
				t.Errorf("%s, want %s", command, c.want)
			}
		}
		if _, err := url.Parse(c.want); err != nil {
			t.Error(err)
		}
	}
}
