package usage

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"connectrpc.com/connect"
	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/ent/db/user"
	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/audit"
	"github.com/paddock-gate/paddock/internal/caller"
	"github.com/paddock-gate/paddock/internal/config"
	"github.com/paddock-gate/paddock/internal/convert"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/store"
)

// Service is the UsageService.
type Service struct {
	ledger *Ledger
	retain config.Retain
}

// NewService returns the service; usage records are retained for so long.
func NewService(l *Ledger, retain config.Retain) *Service { return &Service{l, retain} }

// heldFor is when to ask again for tokens that running calls hold and may give back.
const heldFor = 5 * time.Second

// exceeded refuses a call that needs more tokens than the period has left, of which others hold some, and returns how long that lasts.
func exceeded(p *sum, held, limit, need int64, reset time.Time) (time.Duration, *connect.Error) {
	span := "day"
	if len(p.period) == len("2006-01") {
		span = "month"
	}
	message := fmt.Sprintf("token quota exceeded: %d of %d tokens used this %s", p.used, limit, span)
	if held > 0 {
		message += fmt.Sprintf(", %d held by running calls", held)
	}
	message += fmt.Sprintf("; this call needs at least %d; the quota will reset at %s", need, reset.Format(time.RFC3339))
	wait := time.Until(reset)
	if limit-p.used >= need {
		wait = min(wait, heldFor)
	}
	return wait, apierr.Retry(connect.CodeResourceExhausted, apierr.QuotaExceeded, message, wait)
}

// GetQuota implements paddock.v1.UsageService.
func (s *Service) GetQuota(ctx context.Context, req *paddockv1.GetQuotaRequest) (*paddockv1.GetQuotaResponse, error) {
	id, err := convert.Subject(ctx, req.GetUserId(), "UsageService.GetQuota", s.ledger.log.Refuse)
	if err != nil {
		return nil, err
	}
	q, err := s.quota(ctx, id)
	return &paddockv1.GetQuotaResponse{Quota: q}, err
}

func (s *Service) quota(ctx context.Context, id uuid.UUID) (*paddockv1.Quota, error) {
	u, err := s.ledger.store.User.Get(ctx, id)
	switch {
	case db.IsNotFound(err):
		return nil, convert.ErrNoUser
	case err != nil:
		return nil, err
	}
	return s.ledger.State(ctx, id, convert.Quota(u))
}

// userDay names what a user has used in a day and its month.
type userDay struct {
	user uuid.UUID
	day  string
}

// spent is what is used and reserved of a period, in tokens.
type spent struct{ used, reserved int64 }

// readStates reads the days and months of users.
func (l *Ledger) readStates(ctx context.Context, of []userDay) (map[userDay][2]spent, error) {
	ids := make([]string, 0, 2*len(of))
	for _, u := range of {
		ids = append(ids, periodID(u.user, u.day), periodID(u.user, u.day[:len("2006-01")]))
	}
	found := make(map[string]spent, len(ids))
	among, list := store.Among(l.store, "id", 1, ids)
	err := l.store.Read(ctx, `SELECT id, used, reserved FROM usage_periods WHERE `+among, list, func(rows *sql.Rows) error {
		var id string
		var s spent
		err := rows.Scan(&id, &s.used, &s.reserved)
		found[id] = s
		return err
	})
	states := make(map[userDay][2]spent, len(of))
	for i, u := range of {
		states[u] = [2]spent{found[ids[2*i]], found[ids[2*i+1]]}
	}
	return states, err
}

// State returns a user's quota, as it is set, and how much of it is used.
func (l *Ledger) State(ctx context.Context, id uuid.UUID, set caller.Quota) (*paddockv1.Quota, error) {
	now := store.Now()
	day, _ := periods(now)
	holds := l.limitsOf(set)
	free := l.freeOf(keyOf(id, now, holds)) // before the read
	read, _, err := l.states.Get(ctx, userDay{id, day})
	if err != nil {
		return nil, err
	}
	period := func(s spent, limit *int64, monthly bool) *paddockv1.QuotaPeriod {
		return &paddockv1.QuotaPeriod{
			Limit: limit, Used: s.used, Reserved: max(0, s.reserved-free), ResetsAt: timestamppb.New(resets(now, monthly)),
		}
	}
	q := &paddockv1.Quota{
		UserId:            id.String(),
		TokensPerDay:      set.TokensPerDay,
		TokensPerMonth:    set.TokensPerMonth,
		RequestsPerMinute: set.RequestsPerMinute,
		Day:               period(read[0], holds.day, false),
		Month:             period(read[1], holds.month, true),
	}
	if rpm := or(set.RequestsPerMinute, l.defaults.RequestsPerMinute); rpm != nil {
		q.EffectiveRequestsPerMinute = *rpm
	}
	return q, nil
}

// StateOf returns the state of the caller's quota for WhoAmI; nil if there is no token quota.
func (l *Ledger) StateOf(ctx context.Context) (*paddockv1.Quota, error) {
	c := caller.From(ctx)
	if l.limitsOf(c.Quota).none() {
		return nil, nil
	}
	return l.State(ctx, c.UserID, c.Quota)
}

// SetQuota implements paddock.v1.UsageService.
func (s *Service) SetQuota(ctx context.Context, req *paddockv1.SetQuotaRequest) (*paddockv1.SetQuotaResponse, error) {
	id := uuid.MustParse(req.GetUserId())
	err := s.ledger.log.Do(ctx, func(ctx context.Context, tx *db.Tx) (audit.Event, error) {
		update := tx.User.Update().Where(user.ID(id)).
			ClearTokensPerDay().SetNillableTokensPerDay(req.TokensPerDay).
			ClearTokensPerMonth().SetNillableTokensPerMonth(req.TokensPerMonth).
			ClearRequestsPerMinute().SetNillableRequestsPerMinute(req.RequestsPerMinute)
		n, err := update.Save(ctx)
		if err != nil {
			return audit.Event{}, err
		}
		if n == 0 {
			return audit.Event{}, convert.ErrNoUser
		}
		return audit.Event{Type: audit.QuotaChanged, TargetUserID: id, Detail: quotaDetail(req)}, nil
	})
	if err != nil {
		return nil, err
	}
	q, err := s.quota(ctx, id)
	return &paddockv1.SetQuotaResponse{Quota: q}, err
}

func quotaDetail(req *paddockv1.SetQuotaRequest) string {
	describe := func(name string, set bool, value int64) string {
		if !set {
			return name + " default"
		}
		return fmt.Sprintf("%s %d", name, value)
	}
	return strings.Join([]string{
		describe("tokens per day", req.TokensPerDay != nil, req.GetTokensPerDay()),
		describe("tokens per month", req.TokensPerMonth != nil, req.GetTokensPerMonth()),
		describe("requests per minute", req.RequestsPerMinute != nil, int64(req.GetRequestsPerMinute())),
	}, ", ")
}
