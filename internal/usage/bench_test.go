package usage

import (
	"testing"

	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// BenchmarkLedger reserves and settles calls, 16 at once for each processor: each of a user of their own, or all of one user.
// Durable: both databases wait for the disk.
func BenchmarkLedger(b *testing.B) {
	cluster := storetest.NewCluster(b, "fsync=on", "synchronous_commit=on", "full_page_writes=on")
	for _, database := range []struct {
		name string
		url  func(testing.TB) string
	}{{"sqlite", storetest.SQLite}, {"postgres", cluster.Database}} {
		for _, users := range []struct {
			name string
			one  bool
		}{{"users", false}, {"one user", true}} {
			b.Run(database.name+"/"+users.name, func(b *testing.B) {
				l := replica(storetest.Open(b, database.url(b)))
				one := uuid.New()
				b.ResetTimer()
				b.SetParallelism(16)
				b.RunParallel(func(pb *testing.PB) {
					user := one
					if !users.one {
						user = uuid.New()
					}
					ctx := as(b, user, new(int64(1<<40)), nil)
					for pb.Next() {
						reserve(b, l, ctx).Settle(ctx, Cost{PromptTokens: 4, CompletionTokens: 6, Exact: true, Outcome: OK})
					}
				})
				l.open.Wait()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
			})
		}
	}
}
