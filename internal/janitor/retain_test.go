package janitor_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/ent/db/credential"
	"github.com/paddock-gate/paddock/ent/db/session"
	"github.com/paddock-gate/paddock/internal/audit"
	"github.com/paddock-gate/paddock/internal/config"
	"github.com/paddock-gate/paddock/internal/janitor"
	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

const day = 24 * time.Hour

// house is a database with a user.
type house struct {
	*store.Store
	log  *audit.Log
	user uuid.UUID
}

func each(t *testing.T, test func(t *testing.T, h *house)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		h := &house{Store: s, log: audit.Open(s)}
		h.write(t, func(ctx context.Context, tx *db.Tx) error {
			u, err := tx.User.Create().SetEmail("ann@example.com").Save(ctx)
			if err == nil {
				h.user = u.ID
			}
			return err
		})
		test(t, h)
	})
}

func (h *house) write(t *testing.T, f func(ctx context.Context, tx *db.Tx) error) {
	t.Helper()
	if err := h.Tx(store.WithWrites(t.Context()), f); err != nil {
		t.Fatal(err)
	}
}

func (h *house) exec(t *testing.T, statement string, args ...any) {
	t.Helper()
	h.write(t, func(ctx context.Context, tx *db.Tx) error {
		_, err := store.Exec(ctx, tx, statement, args...)
		return err
	})
}

func (h *house) sweep(t *testing.T, retain config.Retain) int64 {
	t.Helper()
	n, err := janitor.New(h.Store, h.log, retain).Sweep(t.Context())
	if err != nil {
		t.Error(err)
	}
	return n
}

// TestSweep_EndedKeys checks that keys go that ended long ago, but for those whose rights others still have of them.
func TestSweep_EndedKeys(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		now := store.Now()
		ago := func(d time.Duration) *time.Time { return new(now.Add(-d)) }
		made := map[string]uuid.UUID{}
		add := func(label string, revoked, expires *time.Time, issuer string) {
			h.write(t, func(ctx context.Context, tx *db.Tx) error {
				create := tx.Credential.Create().SetUserID(h.user).SetLabel(label).SetKeyID(label).SetKeyHash("").
					SetNillableRevokedAt(revoked).SetNillableExpiresAt(expires)
				if issuer != "" {
					create.SetIssuedBy(made[issuer])
				}
				key, err := create.Save(ctx)
				if err == nil {
					made[label] = key.ID
				}
				return err
			})
		}
		add("live", nil, nil, "")
		add("expires", nil, ago(-day), "")
		add("expired", nil, ago(89*day), "")
		add("long expired", nil, ago(91*day), "")
		add("revoked", ago(89*day), nil, "")
		add("long revoked", ago(91*day), nil, "")
		add("issuer", ago(91*day), nil, "")
		add("issued", nil, nil, "issuer")
		add("middle", nil, ago(91*day), "live")
		add("end", nil, ago(91*day), "middle")
		add("dead issuer", ago(91*day), nil, "")
		add("died with it", ago(91*day), nil, "dead issuer")
		left := func() []string {
			labels, err := h.Credential.Query().Order(credential.ByID()).Select(credential.FieldLabel).Strings(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return labels
		}

		all := left()
		if h.sweep(t, config.Retain{}); !slices.Equal(left(), all) {
			t.Errorf("of keys that are kept for ever %v are left", left())
		}
		h.sweep(t, config.Retain{Keys: 90 * day})
		want := []string{"live", "expires", "expired", "revoked", "issuer", "issued", "middle"}
		if got := left(); !slices.Equal(got, want) {
			t.Errorf("left: %q, want %q", got, want)
		}
		if h.sweep(t, config.Retain{Keys: 90 * day}); slices.Contains(left(), "middle") { // whose last one has gone
			t.Errorf("left: %q", left())
		}
	})
}

func TestSweep_RevokedSessions(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		now := store.Now()
		for agent, revoked := range map[string]*time.Time{
			"long revoked": new(now.Add(-25 * time.Hour)), "revoked": new(now.Add(-23 * time.Hour)), "open": nil,
		} {
			h.write(t, func(ctx context.Context, tx *db.Tx) error {
				return tx.Session.Create().SetUserID(h.user).SetRefreshSalt([]byte{1}).SetIP("").SetUserAgent(agent).
					SetNillableRevokedAt(revoked).SetExpiresAt(now.Add(day)).SetRefreshExpiresAt(now.Add(day)).Exec(ctx)
			})
		}
		h.sweep(t, config.Retain{})
		left, err := h.Session.Query().Order(session.ByUserAgent()).Select(session.FieldUserAgent).Strings(t.Context())
		if err != nil || !slices.Equal(left, []string{"open", "revoked"}) {
			t.Errorf("left: %q, %v", left, err)
		}
	})
}

// TestSweep_BucketsOfRequests checks that a bucket stays from which requests were taken lately: without it they could be taken again.
func TestSweep_BucketsOfRequests(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		now := store.Now()
		lately := uuid.New()
		for id, at := range map[uuid.UUID]time.Time{lately: now.Add(-30 * time.Second), uuid.New(): now.Add(-25 * time.Hour)} {
			h.exec(t, `INSERT INTO rate_buckets (id, tokens, updated_us) VALUES ($1, 0, $2)`, id, at.UnixMicro())
		}
		h.sweep(t, config.Retain{})
		left, err := h.RateBucket.Query().IDs(t.Context())
		if err != nil || !slices.Equal(left, []uuid.UUID{lately}) {
			t.Errorf("left: %v, %v", left, err)
		}
	})
}

// record writes n usage records of the user's.
func (h *house) record(t *testing.T, at time.Time, n int) {
	t.Helper()
	for n > 0 {
		var values []string
		for range min(n, 1000) {
			values = append(values, fmt.Sprintf(`('%s', $1, 'chat', 'm:latest', 7, 5, 20, 'ok', FALSE, $2, $3)`, uuid.Must(uuid.NewV7())))
		}
		h.exec(t, `INSERT INTO usage_records (id, user_id, kind, model, prompt_tokens, completion_tokens, duration_ms, outcome, estimated, `+
			`day, started_at) VALUES `+strings.Join(values, ", "), h.user, at.Format(time.DateOnly), at)
		n -= len(values)
	}
}

func (h *house) records(t *testing.T) int {
	t.Helper()
	n, err := h.UsageRecord.Query().Count(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestSweep_UsageRecords checks that records go by whole days, and that their sums stay.
func TestSweep_UsageRecords(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		now := store.Now()
		first := config.Retain{Usage: 30 * day}.UsageSince(now.Add(-time.Hour)) // the first day that stays
		h.record(t, now, 1)
		h.record(t, first, 2)
		h.record(t, first.Add(-time.Microsecond), 4)
		h.record(t, first.AddDate(-1, 0, 0), 8)
		if h.sweep(t, config.Retain{}); h.records(t) != 15 {
			t.Errorf("of records that are kept for ever %d are left", h.records(t))
		}
		if n := h.sweep(t, config.Retain{Usage: 30 * day}); n != 12 || h.records(t) != 3 {
			t.Errorf("%d records were deleted, %d are left", n, h.records(t))
		}
		for name, sum := range map[string]func() (int, error){
			"days": func() (int, error) {
				return h.UsageDay.Query().Aggregate(db.Sum("requests")).Int(t.Context())
			},
			"totals": func() (int, error) {
				return h.UsageTotal.Query().Aggregate(db.Sum("requests")).Int(t.Context())
			},
		} {
			if n, err := sum(); n != 15 || err != nil {
				t.Errorf("the %s sum up to %d, %v", name, n, err)
			}
		}
	})
}

// TestSweep_Bounded checks that a sweep ends before all is deleted, that the next one goes on, by key and by index, and that rows that
// stay hold nothing up.
func TestSweep_Bounded(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		old := store.Now().AddDate(-2, 0, 0)
		h.record(t, old, 3*janitor.Batch)
		for i := range 3 * janitor.Batch {
			at := old
			if i < janitor.Batch { // the first ones stay
				at = store.Now()
			}
			h.exec(t, `INSERT INTO rate_buckets (id, tokens, updated_us) VALUES ($1, 0, $2)`, uuid.Must(uuid.NewV7()), at.UnixMicro())
		}
		j := janitor.New(h.Store, h.log, config.Retain{Usage: 400 * day})
		j.SetBatches(2)
		for _, want := range []int64{2*janitor.Batch + janitor.Batch, janitor.Batch + janitor.Batch, 0} { // records and buckets
			if n, err := j.Sweep(t.Context()); n != want || err != nil {
				t.Errorf("deleted %d, want %d, %v", n, want, err)
			}
		}
	})
}

// TestSweep_LockedRow checks that the janitor does not wait for somebody who holds a row, and that nothing is lost by that.
func TestSweep_LockedRow(t *testing.T) {
	s := storetest.Open(t, storetest.PostgreSQL(t))
	h := &house{Store: s, log: audit.Open(s), user: uuid.New()}
	h.record(t, store.Now().AddDate(-2, 0, 0), 10)
	tx, err := h.Client.Tx(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.UsageRecord.Query().Limit(1).ForUpdate().All(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := h.sweep(t, config.Retain{Usage: 400 * day}); n != 9 { // nor an error, as there is after a wait
		t.Errorf("deleted %d", n)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if n := h.sweep(t, config.Retain{Usage: 400 * day}); n != 1 {
		t.Errorf("then deleted %d", n)
	}
}

// TestSweep_Audit checks from when on archived audit entries are deleted, and that without RETAIN_AUDIT none is.
func TestSweep_Audit(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		var since time.Time
		j := func(retain config.Retain) *janitor.Janitor {
			j := janitor.New(h.Store, h.log, retain)
			j.DeleteArchived = func(_ context.Context, before time.Time, most int64) (int64, error) {
				since = before
				return most, nil
			}
			return j
		}
		if n, err := j(config.Retain{}).Sweep(t.Context()); n != 0 || err != nil || !since.IsZero() {
			t.Errorf("deleted %d from before %v, %v", n, since, err)
		}
		n, err := j(config.Retain{Audit: 36 * time.Hour}).Sweep(t.Context())
		if want := store.Now().Add(-36 * time.Hour).Format(time.DateOnly); n != 1_000_000 || err != nil || since.Format(time.RFC3339) != want+"T00:00:00Z" {
			t.Errorf("deleted %d from before %v, %v", n, since, err)
		}
		if n := h.sweep(t, config.Retain{Audit: 36 * time.Hour}); n != 0 { // as where nothing is sealed
			t.Errorf("deleted %d", n)
		}
	})
}
