package convert_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/ent/db/session"
	"github.com/paddock-gate/paddock/internal/convert"
	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// insert runs f in a transaction with a user for the rows.
func insert(t *testing.T, s *store.Store, f func(ctx context.Context, tx *db.Tx, owner uuid.UUID) error) {
	t.Helper()
	err := s.Tx(store.WithWrites(t.Context()), func(ctx context.Context, tx *db.Tx) error {
		u, err := tx.User.Create().SetEmail("ann@example.com").Save(ctx)
		if err != nil {
			return err
		}
		return f(ctx, tx, u.ID)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// around are the instants just before, at and just after t, as far apart as the databases tell times.
func around(t time.Time) []time.Time {
	return []time.Time{t.Add(-time.Microsecond), t, t.Add(time.Microsecond)}
}

// orNil are the instants, and none.
func orNil(times []time.Time) []*time.Time {
	all := []*time.Time{nil}
	for _, t := range times {
		all = append(all, &t)
	}
	return all
}

// TestSessions_PredicatesAndFunctionsAgree inserts a session for each combination of instants around those that decide, and
// holds what the queries find against what the functions say of the rows.
func TestSessions_PredicatesAndFunctionsAgree(t *testing.T) {
	now := store.Now()
	for _, accessTTL := range []time.Duration{time.Second, 10 * time.Minute} {
		t.Run(accessTTL.String(), func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, url string) {
				s := storetest.Open(t, url)
				insert(t, s, func(ctx context.Context, tx *db.Tx, owner uuid.UUID) error {
					return insertSessions(ctx, tx, owner, now, accessTTL)
				})
				compareSessions(t, s, now, accessTTL)
			})
		})
	}
}

func insertSessions(ctx context.Context, tx *db.Tx, owner uuid.UUID, now time.Time, accessTTL time.Duration) error {
	var all []*db.SessionCreate
	for _, revoked := range orNil([]time.Time{now.Add(-time.Hour), now, now.Add(time.Hour)}) {
		for _, ends := range append(around(now), now.Add(time.Hour)) {
			for _, refresh := range append(around(now), now.Add(time.Hour)) {
				for _, rotated := range append(around(now.Add(-accessTTL)), now) {
					all = append(all, tx.Session.Create().SetUserID(owner).SetRefreshSalt([]byte{1}).SetIP("").SetUserAgent("").
						SetNillableRevokedAt(revoked).SetExpiresAt(ends).SetRefreshExpiresAt(refresh).SetRotatedAt(rotated))
				}
			}
		}
	}
	return tx.Session.CreateBulk(all...).Exec(ctx)
}

func compareSessions(t *testing.T, s *store.Store, now time.Time, accessTTL time.Duration) {
	t.Helper()
	rows, err := s.Session.Query().All(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	open, err := s.Session.Query().Where(convert.OpenSession(now)).IDs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	live, err := s.Session.Query().Where(convert.LiveSession(now, accessTTL)).IDs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(open) == 0 || len(live) == 0 || len(live) == len(open) || len(open) == len(rows) {
		t.Errorf("of %d sessions %d are open and %d live: this test shows nothing", len(rows), len(open), len(live))
	}
	for _, row := range rows {
		isOpen, isLive := convert.IsOpenSession(row, now), convert.IsLiveSession(row, now, accessTTL)
		if found := slices.Contains(open, row.ID); found != isOpen {
			t.Errorf("%v: found open: %t, IsOpenSession: %t", row, found, isOpen)
		}
		if found := slices.Contains(live, row.ID); found != isLive {
			t.Errorf("%v: found live: %t, IsLiveSession: %t", row, found, isLive)
		}
		// A session is live as long as one of its tokens works, and no longer.
		access := isOpen && now.Before(row.RotatedAt.Add(accessTTL))
		if refresh := convert.IsRefreshable(row, now); isLive != (access || refresh) {
			t.Errorf("%v: live: %t, access token: %t, refresh token: %t", row, isLive, access, refresh)
		}
	}
}

func TestKeys_PredicateAndFunctionAgree(t *testing.T) {
	now := store.Now()
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		insert(t, s, func(ctx context.Context, tx *db.Tx, owner uuid.UUID) error {
			var all []*db.CredentialCreate
			for _, revoked := range orNil([]time.Time{now.Add(-time.Hour), now, now.Add(time.Hour)}) {
				for _, expires := range orNil(around(now)) {
					all = append(all, tx.Credential.Create().SetUserID(owner).SetLabel("test").SetKeyID(fmt.Sprint(len(all))).SetKeyHash("").
						SetNillableRevokedAt(revoked).SetNillableExpiresAt(expires))
				}
			}
			return tx.Credential.CreateBulk(all...).Exec(ctx)
		})
		rows, err := s.Credential.Query().All(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		live, err := s.Credential.Query().Where(convert.LiveKey(now)).IDs(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(live) != 2 { // never revoked, and no expiry or a later one
			t.Errorf("%d of %d keys are live", len(live), len(rows))
		}
		for _, row := range rows {
			if found, isLive := slices.Contains(live, row.ID), convert.IsLiveKey(row, now); found != isLive {
				t.Errorf("%v: found live: %t, IsLiveKey: %t", row, found, isLive)
			}
		}
	})
}

func TestEndSessions_Matching(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		now := store.Now()
		var user uuid.UUID
		insert(t, s, func(ctx context.Context, tx *db.Tx, owner uuid.UUID) error {
			user = owner
			return insertSessions(ctx, tx, owner, now, time.Second)
		})
		unrevoked, err := s.Session.Query().Where(session.RevokedAtIsNil()).IDs(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		kept := unrevoked[0]
		for _, want := range []int{len(unrevoked) - 1, 0} { // the second time there is none left
			err := s.Tx(store.WithWrites(t.Context()), func(ctx context.Context, tx *db.Tx) error {
				n, err := convert.EndSessions(ctx, tx, session.UserID(user), session.IDNEQ(kept))
				if n != want {
					t.Errorf("%d sessions ended, want %d", n, want)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if left, err := s.Session.Query().Where(session.RevokedAtIsNil()).IDs(t.Context()); err != nil || !slices.Equal(left, []uuid.UUID{kept}) {
			t.Errorf("left %v, %v; want %v", left, err, kept)
		}
	})
}
