package period

import (
	"context"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/paddock-gate/paddock/internal/caller"
	"github.com/paddock-gate/paddock/internal/coalesce"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/store"
)

// States are reads of how much of quotas is used, which those who ask at the same time share.
type States struct {
	store    *store.Store
	defaults caller.Quota
	reads    *coalesce.Reads[userDay, [2]spent] // what is spent of a day and its month
}

// NewStates returns the reads; the quota is that of users who have none of their own. Of the embedded database, what was read is
// remembered until the version changes.
func NewStates(s *store.Store, defaults caller.Quota, version func() uint64) *States {
	states := &States{store: s, defaults: defaults}
	states.reads = store.NewReads(s, states.read)
	if s.Embedded() {
		states.reads.Version = version
	}
	return states
}

// userDay names what a user has used in a day and its month.
type userDay struct {
	user uuid.UUID
	day  string
}

// spent is what is used and reserved of a period, in tokens.
type spent struct{ used, reserved int64 }

// read reads the days and months of users.
func (s *States) read(ctx context.Context, days []userDay) (map[userDay][2]spent, error) {
	ids := make([]string, 0, 2*len(days))
	for _, u := range days {
		ids = append(ids, ID(u.user, u.day), ID(u.user, u.day[:len("2006-01")]))
	}
	found := make(map[string]spent, len(ids))
	among, list := store.Among(s.store, "id", 1, ids)
	err := s.store.Read(ctx, `SELECT id, used, reserved FROM usage_periods WHERE `+among, list, func(row store.Row) error {
		var id string
		var of spent
		err := row.Scan(&id, &of.used, &of.reserved)
		found[id] = of
		return err
	})
	states := make(map[userDay][2]spent, len(days))
	for i, u := range days {
		states[u] = [2]spent{found[ids[2*i]], found[ids[2*i+1]]}
	}
	return states, err
}

// Of returns a user's quota, as it is set, and how much of it is used; of what the database has for reserved so much is free.
func (s *States) Of(ctx context.Context, user uuid.UUID, set caller.Quota, now time.Time, free int64) (*paddockv1.Quota, error) {
	day, _ := Names(now)
	read, _, err := s.reads.Get(ctx, userDay{user, day})
	if err != nil {
		return nil, err
	}
	limits := LimitsOf(set, s.defaults)
	period := func(of spent, limit *int64, monthly bool) *paddockv1.QuotaPeriod {
		return &paddockv1.QuotaPeriod{
			Limit: limit, Used: of.used, Reserved: max(0, of.reserved-free), ResetsAt: timestamppb.New(Resets(now, monthly)),
		}
	}
	q := &paddockv1.Quota{
		UserId:            user.String(),
		TokensPerDay:      set.TokensPerDay,
		TokensPerMonth:    set.TokensPerMonth,
		RequestsPerMinute: set.RequestsPerMinute,
		Day:               period(read[0], limits.Day, false),
		Month:             period(read[1], limits.Month, true),
	}
	if rpm := or(set.RequestsPerMinute, s.defaults.RequestsPerMinute); rpm != nil {
		q.EffectiveRequestsPerMinute = *rpm
	}
	return q, nil
}
