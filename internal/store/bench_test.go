package store_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// writers is how many goroutines write at once: 16 for each of two processors.
const writersPerProcessor = 16

var emails atomic.Int64

func email() string { return fmt.Sprintf("user%d@example.com", emails.Add(1)) }

// createUser is a change with its entry, as the features make it.
func createUser(ctx context.Context, tx *db.Tx) error {
	now := store.Now()
	u, err := tx.User.Create().SetEmail(email()).SetDisplayName("A user").SetCreatedAt(now).SetUpdatedAt(now).Save(ctx)
	if err != nil {
		return err
	}
	return tx.AuditEntry.Create().SetEventType("user_created").SetOccurredAt(now).SetActorUserID(u.ID).
		SetActorEmail("admin@example.com").SetTargetUserID(u.ID).SetIP("192.0.2.1").SetUserAgent("benchmark/1").
		SetRequestID("0123456789abcdef").SetOutcome("success").SetDetail("").Exec(ctx)
}

const insertUser = `INSERT INTO users (id, email, display_name, search, active, password_hash, created_at, updated_at)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`

const insertEntry = `INSERT INTO audit_entries (id, event_type, occurred_at, actor_user_id, actor_email, target_user_id, ip,
	user_agent, request_id, outcome, detail) VALUES `

func userValues(id any, now time.Time) []any {
	return []any{id, email(), "A user", "", true, "", now, now}
}

func entryValues(id, user any, now time.Time) []any {
	return []any{id, "user_created", now, user, "admin@example.com", user, "192.0.2.1", "benchmark/1", "0123456789abcdef", "success", ""}
}

func parallel(b *testing.B, write func() error) {
	b.Helper()
	b.SetParallelism(writersPerProcessor)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := write(); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
}

// BenchmarkTx is a change with its entry, 32 writers: through Store.Tx, and the fastest way there is by hand. Durable: both
// databases wait for the disk.
func BenchmarkTx(b *testing.B) {
	b.Run("sqlite/tx", func(b *testing.B) {
		s := storetest.Open(b, storetest.SQLite(b))
		parallel(b, func() error { return s.Tx(b.Context(), createUser) })
	})
	b.Run("sqlite/ungrouped", func(b *testing.B) {
		url := storetest.SQLite(b)
		db, err := sql.Open("sqlite", strings.TrimPrefix(url, "sqlite://")+
			"?_pragma=foreign_keys(1)&_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_txlock=immediate"+
			"&_time_format=sqlite&_timezone=UTC")
		if err != nil {
			b.Fatal(err)
		}
		defer db.Close()
		db.SetMaxOpenConns(1) // waiting here is quicker than polling a busy file
		parallel(b, func() error {
			tx, err := db.Begin()
			if err != nil {
				return err
			}
			defer tx.Rollback()
			id, now := uuid.Must(uuid.NewV7()), store.Now()
			if _, err := tx.Exec(insertUser, userValues(id, now)...); err != nil {
				return err
			}
			if _, err := tx.Exec(insertEntry+"($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
				entryValues(uuid.Must(uuid.NewV7()), id, now)...); err != nil {
				return err
			}
			return tx.Commit()
		})
	})
	cluster := storetest.NewCluster(b, "fsync=on", "synchronous_commit=on", "full_page_writes=on")
	b.Run("postgres/tx", func(b *testing.B) {
		s := storetest.Open(b, cluster.Database(b))
		parallel(b, func() error { return s.Tx(b.Context(), createUser) })
	})
	b.Run("postgres/cte", func(b *testing.B) {
		pool, err := pgxpool.New(b.Context(), cluster.Database(b)+"&pool_max_conns=16")
		if err != nil {
			b.Fatal(err)
		}
		defer pool.Close()
		const both = `WITH u AS (` + insertUser + `) ` + insertEntry + `($9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)`
		parallel(b, func() error {
			now, id, entry := store.Now(), [16]byte(uuid.Must(uuid.NewV7())), [16]byte(uuid.Must(uuid.NewV7()))
			_, err := pool.Exec(b.Context(), both, append(userValues(id, now), entryValues(entry, id, now)...)...)
			return err
		})
	})
}
