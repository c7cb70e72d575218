package overview

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/paddock-gate/paddock/internal/audit"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/store"
)

// signInDays remembers the days that are over, whose entries no longer change. An entry is dated before it is committed, so
// a day is over only an hour after its end.
type signInDays struct {
	mu   sync.Mutex
	over map[string]*paddockv1.SignInDay
}

func (d *signInDays) get(day string) *paddockv1.SignInDay {
	d.mu.Lock()
	defer d.mu.Unlock()
	return proto.CloneOf(d.over[day])
}

// set remembers those of the days that are over at now, and forgets all others.
func (d *signInDays) set(counted []*paddockv1.SignInDay, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.over = map[string]*paddockv1.SignInDay{}
	running := now.Add(-time.Hour).Format(time.DateOnly)
	for _, day := range counted {
		if day.GetDay() < running {
			d.over[day.GetDay()] = proto.CloneOf(day)
		}
	}
}

// signIns counts in the database, which does not have to hand out the entries: for each day and event type it reads a range
// of one index. Today ends at now, so that what is counted can be listed by the time that the overview says.
func (s *Service) signIns(ctx context.Context, now time.Time, o *paddockv1.Overview) error {
	today := now.Truncate(24 * time.Hour)
	var parts []string
	args := []any{string(audit.LoginSuccess), string(audit.LoginFailure)}
	for i := range days {
		from := today.AddDate(0, 0, i-days+1)
		day := s.signedIn.get(from.Format(time.DateOnly))
		if day == nil {
			day = &paddockv1.SignInDay{Day: from.Format(time.DateOnly)}
			to := from.AddDate(0, 0, 1)
			if now.Before(to) {
				to = now
			}
			args = append(args, from, to)
			for _, eventType := range []int{1, 2} {
				parts = append(parts, fmt.Sprintf(`SELECT %d, %d, count(*) FROM audit_entries WHERE event_type = $%d AND `+
					`outcome IN ('%s', '%s', '%s') AND occurred_at >= $%d AND occurred_at < $%d`,
					i, eventType, eventType, audit.Success, audit.Failure, audit.Denied, len(args)-1, len(args)))
			}
		}
		o.SignInDays = append(o.SignInDays, day)
	}
	err := s.store.Read(store.Slow(ctx), strings.Join(parts, " UNION ALL "), args, func(row store.Row) error {
		var day, eventType int
		var n int32
		if err := row.Scan(&day, &eventType, &n); err != nil {
			return err
		}
		if eventType == 1 {
			o.SignInDays[day].Succeeded = n
		} else {
			o.SignInDays[day].Failed = n
		}
		return nil
	})
	if err == nil {
		s.signedIn.set(o.GetSignInDays(), now)
	}
	return err
}
