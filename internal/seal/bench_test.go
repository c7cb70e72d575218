package seal_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/internal/audit"
	"github.com/paddock-gate/paddock/internal/seal/sealtest"
	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// TestVerify_Million: with PADDOCK_PROOF=full a million entries, which must take less than 10 s; else 5,000.
func TestVerify_Million(t *testing.T) {
	n := 5_000
	if os.Getenv("PADDOCK_PROOF") == "full" {
		n = 1_000_000
	}
	defer debug.SetGCPercent(debug.SetGCPercent(800)) // as paddock audit verify has it
	sealtest.Each(t, func(t *testing.T, tr *sealtest.Trail) {
		fill(t, tr, n)
		began := time.Now()
		signed := tr.Seal(t)
		sealed := time.Since(began)
		began = time.Now()
		used := cpuTime(t)
		tr.WantSound(t, signed, int64(n), 0)
		took := time.Since(began)
		t.Logf("%d entries: sealed in %v, verified in %v, with %.1f s of this process's CPU time", n, sealed, took, cpuTime(t)-used)
		if n == 1_000_000 && took > 10*time.Second {
			t.Error("too slow")
		}
	})
}

// fill inserts n entries such as sign-ins make.
func fill(t testing.TB, tr *sealtest.Trail, n int) {
	t.Helper()
	id, ids := "CAST(value AS uuid)", "json_array_elements_text($1::json) AS e(value)"
	if tr.Store.Embedded() {
		id, ids = "value", "json_each($1)"
	}
	insert := `INSERT INTO audit_entries (id, event_type, occurred_at, actor_user_id, actor_email, target_user_id, session_id, ip, user_agent, request_id,
		outcome, detail) SELECT ` + id + `, 'login_success', $2, ` + id + `, 'somebody@example.com', ` + id + `, ` + id + `, '192.0.2.17',
		'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0', value, 'success', 'entry ' || value FROM ` + ids
	for n > 0 {
		values := make([]string, min(n, 5000))
		n -= len(values)
		for i := range values {
			values[i] = uuid.Must(uuid.NewV7()).String()
		}
		list, err := json.Marshal(values)
		if err != nil {
			t.Fatal(err)
		}
		err = tr.Log.Unaudited(t.Context(), "fill", func(ctx context.Context, tx *db.Tx) error {
			_, err := store.Exec(ctx, tx, insert, string(list), store.Now())
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// BenchmarkSealedChange is a user with an audit entry, by 32 writers: how many a second while all is sealed, over how many when
// nothing notes and seals entries; must 0.9. cpu-plain/sealed is the same of the CPU time that a change takes this process, which a
// busy machine changes less.
func BenchmarkSealedChange(b *testing.B) {
	for name, open := range map[string]func(testing.TB) string{"sqlite": storetest.SQLite, "postgres": storetest.PostgreSQL} {
		b.Run(name, func(b *testing.B) {
			const round = 500 * time.Millisecond // short, as others may use the machine, too
			sealed, plain := sealtest.New(b, open(b)), sealtest.New(b, open(b))
			plain.Change(b)
			var ratios, cpu, rates []float64
			for i := range 30 {
				var with, without, cpuWith, cpuWithout float64
				for _, first := range []bool{i%2 == 0, i%2 != 0} {
					if first {
						with, cpuWith = sealedRate(b, sealed, round)
					} else {
						without, cpuWithout = rate(b, plain, round)
					}
				}
				ratios, cpu, rates = append(ratios, with/without), append(cpu, cpuWithout/cpuWith), append(rates, with)
			}
			b.ReportMetric(0, "ns/op")
			for unit, values := range map[string][]float64{"sealed/plain": ratios, "cpu-plain/sealed": cpu, "changes/s": rates} {
				slices.Sort(values)
				b.ReportMetric(values[len(values)/2], unit)
			}
		})
	}
}

// sealedRate is rate while all is sealed; what waits at the end is sealed in the next round.
func sealedRate(b *testing.B, tr *sealtest.Trail, d time.Duration) (perSecond, cpu float64) {
	b.Helper()
	ctx, cancel := context.WithCancel(b.Context())
	var sealing sync.WaitGroup
	sealing.Go(func() {
		for ctx.Err() == nil {
			if _, err := tr.Sealer.Seal(ctx); err != nil && ctx.Err() == nil {
				b.Error(err)
			}
			time.Sleep(d) // which is twice as often as Run seals
		}
	})
	perSecond, cpu = rate(b, tr, d)
	cancel()
	sealing.Wait()
	return perSecond, cpu
}

var serial atomic.Int64

// rate returns how many changes a second 32 writers make, and how many seconds of CPU time each takes.
func rate(b *testing.B, tr *sealtest.Trail, d time.Duration) (perSecond, cpu float64) {
	b.Helper()
	used := cpuTime(b)
	var (
		work  sync.WaitGroup
		n     atomic.Int64
		began = time.Now()
	)
	for range 32 {
		work.Go(func() {
			for time.Since(began) < d {
				err := tr.Log.Do(b.Context(), func(ctx context.Context, tx *db.Tx) (audit.Event, error) {
					id := uuid.Must(uuid.NewV7())
					return audit.Event{Type: audit.UserCreated, TargetUserID: id},
						tx.User.Create().SetID(id).SetEmail(fmt.Sprintf("bench%d@example.com", serial.Add(1))).Exec(ctx)
				})
				if err != nil {
					b.Error(err)
					return
				}
				n.Add(1)
			}
		})
	}
	work.Wait()
	return float64(n.Load()) / time.Since(began).Seconds(), (cpuTime(b) - used) / float64(n.Load())
}

// cpuTime returns how many seconds of CPU time this process has used.
func cpuTime(t testing.TB) float64 {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}
