package audit_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/apptest"
	"github.com/paddock-gate/paddock/internal/audit"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
)

// addEntry adds an entry of a time that is past, as no program does.
func addEntry(t *testing.T, a *apptest.App, eventType audit.Type, outcome audit.Outcome, at time.Time, actor, target *uuid.UUID) {
	t.Helper()
	const insert = `INSERT INTO audit_entries (id, event_type, occurred_at, actor_user_id, actor_email, target_user_id, ip, user_agent, request_id, outcome, detail) ` +
		`VALUES ($1, $2, $3, $4, '', $5, '', '', '', $6, '')`
	_, err := a.Store.DB().ExecContext(t.Context(), insert, uuid.Must(uuid.NewV7()), string(eventType), at.UTC(), actor, target, string(outcome))
	if err != nil {
		t.Fatal(err)
	}
}

func all(t *testing.T, a *apptest.App, req *paddockv1.ListAuditEntriesRequest) (entries []*paddockv1.AuditEntry) {
	t.Helper()
	for req = proto.CloneOf(req); ; {
		m := list(t, a, req)
		entries = append(entries, m.GetEntries()...)
		if req.PageToken = m.GetNextPageToken(); req.GetPageToken() == "" {
			return entries
		}
	}
}

// TestCountAuditEntries_LikeTheList: a count is how many entries the list has of the same span and filters, also when it is
// remembered, and of spans that go on getting entries.
func TestCountAuditEntries_LikeTheList(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		now := time.Now().Truncate(time.Hour)
		ada, bob := uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7())
		people := []*uuid.UUID{nil, &ada, &bob}
		bounds := []time.Time{now.Add(-72 * time.Hour), now.Add(-48 * time.Hour), now.Add(-24 * time.Hour), now.Add(time.Hour)}
		for i := range 200 {
			at := bounds[0].Add(time.Duration(rand.Int64N(int64(73 * time.Hour)))).Truncate(time.Microsecond)
			if i < len(bounds) {
				at = bounds[i]
			}
			outcome := []audit.Outcome{audit.Success, audit.Failure, audit.Denied}[rand.IntN(3)]
			addEntry(t, a, audit.Types[rand.IntN(len(audit.Types))], outcome, at, people[rand.IntN(3)], people[rand.IntN(3)])
		}
		for round := range 2 { // the second time from memory
			for _, req := range []*paddockv1.CountAuditEntriesRequest{
				{},
				{EventType: "login"},
				{EventType: " USER_"},
				{EventType: "nothing"},
				{Outcome: "denied"},
				{UserId: ada.String()},
				{UserId: bob.String(), EventType: "user", Outcome: "failure"},
			} {
				for _, b := range bounds {
					req.Bounds = append(req.Bounds, timestamppb.New(b))
				}
				got, err := a.Admin().Audit.CountAuditEntries(t.Context(), req)
				if err != nil {
					t.Fatal(err)
				}
				if !got.GetSince().AsTime().Equal(bounds[0]) || len(got.GetCounts()) != 3 {
					t.Fatalf("since %v, %d spans", got.GetSince().AsTime(), len(got.GetCounts()))
				}
				for i, count := range got.GetCounts() {
					want := &paddockv1.AuditCount{}
					for _, e := range all(t, a, &paddockv1.ListAuditEntriesRequest{
						PageSize: 500, EventType: req.GetEventType(), UserId: req.GetUserId(), Outcome: req.GetOutcome(),
						OccurredAfter: req.GetBounds()[i], OccurredBefore: req.GetBounds()[i+1],
					}) {
						switch audit.Outcome(e.GetOutcome()) {
						case audit.Success:
							want.Success++
						case audit.Failure:
							want.Failure++
						case audit.Denied:
							want.Denied++
						}
					}
					if !proto.Equal(count, want) {
						t.Errorf("round %d, span %d of %v: %v, want %v", round, i, req, count, want)
					}
				}
			}
			addEntry(t, a, audit.Logout, audit.Success, time.Now(), nil, nil)
		}
	})
}

func TestCountAuditEntries_Bounds(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		at := func(seconds ...int64) (bounds []*timestamppb.Timestamp) {
			for _, s := range seconds {
				bounds = append(bounds, &timestamppb.Timestamp{Seconds: s})
			}
			return bounds
		}
		for name, bounds := range map[string][]*timestamppb.Timestamp{
			"one": at(1), "the same twice": at(1, 1), "backwards": at(2, 1), "beyond time": at(1, 1<<40), "too many": make([]*timestamppb.Timestamp, 62),
		} {
			_, err := a.AsGRPC(a.AdminKey).Audit.CountAuditEntries(t.Context(), &paddockv1.CountAuditEntriesRequest{Bounds: bounds})
			if apptest.Reason(err) != apierr.InvalidArgument {
				t.Errorf("%s: %v", name, err)
			}
		}
		m, err := a.Admin().Audit.CountAuditEntries(t.Context(), &paddockv1.CountAuditEntriesRequest{})
		if err != nil || len(m.GetCounts()) != 0 || m.GetSince() == nil {
			t.Errorf("without bounds: %v, %v", m, err)
		}
		var most []int64
		for s := range int64(61) {
			most = append(most, s)
		}
		m, err = a.Admin().Audit.CountAuditEntries(t.Context(), &paddockv1.CountAuditEntriesRequest{Bounds: at(most...)})
		if err != nil || len(m.GetCounts()) != 60 {
			t.Errorf("61 bounds: %d counts, %v", len(m.GetCounts()), err)
		}
	})
}

// TestCountAuditEntries_MoreThanAreCounted: where counting stops, it says so, and a rare kind beside it is counted exactly.
func TestCountAuditEntries_MoreThanAreCounted(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		user := uuid.Must(uuid.NewV7())
		at := time.Now().Add(-3 * time.Hour).UTC().Truncate(time.Microsecond)
		addEntry(t, a, audit.Logout, audit.Success, at, &user, nil)
		const many = `INSERT INTO audit_entries (id, event_type, occurred_at, actor_user_id, actor_email, target_user_id, ip, user_agent, request_id, outcome, detail) ` +
			`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10001) SELECT %s, 'login_success', e.occurred_at, e.actor_user_id, '', NULL, '', '', '', 'success', '' ` +
			`FROM n, audit_entries AS e WHERE e.event_type = 'logout'`
		id := `printf('%08x-0000-7000-8000-000000000000', i)`
		if !a.Store.Embedded() {
			id = `(lpad(to_hex(i), 8, '0') || '-0000-7000-8000-000000000000')::uuid`
		}
		if _, err := a.Store.DB().ExecContext(t.Context(), fmt.Sprintf(many, id)); err != nil {
			t.Fatal(err)
		}
		bounds := []*timestamppb.Timestamp{timestamppb.New(at.Add(-time.Minute)), timestamppb.New(at.Add(time.Minute))}
		for _, c := range []struct {
			req  *paddockv1.CountAuditEntriesRequest
			n    int32
			more bool
		}{
			{&paddockv1.CountAuditEntriesRequest{}, 10_001, true},
			{&paddockv1.CountAuditEntriesRequest{EventType: "logout"}, 1, false},
			{&paddockv1.CountAuditEntriesRequest{UserId: user.String()}, 10_000, true},
		} {
			c.req.Bounds = bounds
			m, err := a.Admin().Audit.CountAuditEntries(t.Context(), c.req)
			if err != nil {
				t.Fatal(err)
			}
			if got := m.GetCounts()[0]; got.GetSuccess() != c.n || got.GetMore() != c.more {
				t.Errorf("%v: %v, want %d, more %t", c.req, got, c.n, c.more)
			}
		}
	})
}
