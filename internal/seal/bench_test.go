package seal_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/internal/store"
)

// TestVerify_Million: with PADDOCK_PROOF=full a million entries, which must take less than 10 s; else 20,000 in the time of as many.
func TestVerify_Million(t *testing.T) {
	n := 20_000
	if os.Getenv("PADDOCK_PROOF") == "full" {
		n = 1_000_000
	}
	each(t, func(t *testing.T, tr *trail) {
		tr.fill(t, n)
		began := time.Now()
		signed := tr.seal(t)
		sealed := time.Since(began)
		began = time.Now()
		tr.wantSound(t, signed, int64(n), 0)
		took := time.Since(began)
		t.Logf("%d entries: sealed in %v, verified in %v", n, sealed, took)
		if limit := 10*time.Second*time.Duration(n)/1_000_000 + time.Second; n < 1_000_000 && took > limit || n == 1_000_000 && took > 10*time.Second {
			t.Errorf("too slow")
		}
	})
}

// fill inserts n entries such as sign-ins make.
func (tr *trail) fill(t testing.TB, n int) {
	t.Helper()
	database, err := tr.store.MigrationDB()
	if err != nil {
		t.Fatal(err)
	}
	defer database.Close()
	tx, err := database.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	const rows = 500
	for i := 0; i < n; i += rows {
		var args []any
		for j := range rows {
			user := uuid.Must(uuid.NewV7()).String()
			args = append(args, uuid.Must(uuid.NewV7()).String(), "login_success", store.Now(), user, "somebody"+strconv.Itoa(j)+"@example.com", user,
				user, "192.0.2.17", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", user, "success", fmt.Sprint("entry ", i+j))
		}
		if _, err := tx.ExecContext(context.WithoutCancel(t.Context()), `INSERT INTO audit_entries (id, event_type, occurred_at, actor_user_id, actor_email,
			target_user_id, session_id, ip, user_agent, request_id, outcome, detail) VALUES `+store.Placeholders(rows, 12), args...); err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
}
