// Package quotas is the UsageService: it sets users' quotas, and tells what is used of them and for what.
package quotas

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/ent/db/user"
	"github.com/paddock-gate/paddock/internal/audit"
	"github.com/paddock-gate/paddock/internal/caller"
	"github.com/paddock-gate/paddock/internal/config"
	"github.com/paddock-gate/paddock/internal/convert"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/store"
)

// Service is the UsageService.
type Service struct {
	store  *store.Store
	log    *audit.Log
	state  State
	retain config.Retain
}

// State returns a user's quota, as it is set, and how much of it is used.
type State func(ctx context.Context, user uuid.UUID, set caller.Quota) (*paddockv1.Quota, error)

// New returns the service; usage records are retained for so long.
func New(s *store.Store, log *audit.Log, state State, retain config.Retain) *Service {
	return &Service{s, log, state, retain}
}

// GetQuota implements paddock.v1.UsageService.
func (s *Service) GetQuota(ctx context.Context, req *paddockv1.GetQuotaRequest) (*paddockv1.GetQuotaResponse, error) {
	id, err := convert.Subject(ctx, req.GetUserId(), "UsageService.GetQuota", s.log.Refuse)
	if err != nil {
		return nil, err
	}
	q, err := s.quota(ctx, id)
	return &paddockv1.GetQuotaResponse{Quota: q}, err
}

func (s *Service) quota(ctx context.Context, id uuid.UUID) (*paddockv1.Quota, error) {
	u, err := s.store.User.Get(ctx, id)
	switch {
	case db.IsNotFound(err):
		return nil, convert.ErrNoUser
	case err != nil:
		return nil, err
	}
	return s.state(ctx, id, convert.Quota(u))
}

// SetQuota implements paddock.v1.UsageService.
func (s *Service) SetQuota(ctx context.Context, req *paddockv1.SetQuotaRequest) (*paddockv1.SetQuotaResponse, error) {
	id := uuid.MustParse(req.GetUserId())
	err := s.log.Do(ctx, func(ctx context.Context, tx *db.Tx) (audit.Event, error) {
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
