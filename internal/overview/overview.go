// Package overview summarizes the state of the installation for admins.
package overview

import (
	"context"
	"errors"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/ent/db/credential"
	"github.com/paddock-gate/paddock/ent/db/user"
	"github.com/paddock-gate/paddock/internal/convert"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/ollama"
	"github.com/paddock-gate/paddock/internal/page"
	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/upstream"
)

const (
	days          = 28
	expiresSoon   = 14 * 24 * time.Hour
	expiringShown = 20
	// upstreamTimeout bounds the wait for the Ollama servers' answers.
	upstreamTimeout = time.Second
)

// Service is the OverviewService.
type Service struct {
	store     *store.Store
	upstream  *upstream.Pool
	accessTTL time.Duration
	rows      page.Counts
	signedIn  signInDays
}

// New returns the service; accessTTL is how long access tokens work.
func New(s *store.Store, upstream *upstream.Pool, accessTTL time.Duration) *Service {
	return &Service{store: s, upstream: upstream, accessTTL: accessTTL}
}

// GetOverview implements paddock.v1.OverviewService.
func (s *Service) GetOverview(ctx context.Context, _ *paddockv1.GetOverviewRequest) (*paddockv1.GetOverviewResponse, error) {
	now := store.Now().Add(time.Millisecond).Truncate(time.Millisecond) // the next time that an address of the page can say
	o := &paddockv1.Overview{TakenAt: timestamppb.New(now)}
	for _, part := range []func(context.Context, time.Time, *paddockv1.Overview) error{
		s.database, s.counts, s.expiringKeys, s.signIns, s.usage, s.upstreams,
	} {
		if err := part(ctx, now, o); err != nil {
			return nil, err
		}
	}
	return &paddockv1.GetOverviewResponse{Overview: o}, nil
}

func (s *Service) database(ctx context.Context, _ time.Time, o *paddockv1.Overview) error {
	asked := time.Now()
	if err := s.store.Ping(ctx); err != nil {
		return err
	}
	pool := s.store.Connections()
	o.Database = &paddockv1.DatabaseHealth{
		Kind: "postgres", LatencyMs: milliseconds(time.Since(asked)), ConnectionsInUse: int32(pool.InUse), ConnectionsMax: int32(pool.Max),
	}
	if s.store.Embedded() {
		o.Database.Kind = "sqlite"
	}
	return nil
}

func (s *Service) counts(ctx context.Context, now time.Time, o *paddockv1.Overview) error {
	for _, c := range []struct {
		into  *int32
		kind  string
		count func(context.Context) (int, error)
	}{
		{&o.Users, "users", s.store.User.Query().Count},
		{&o.ActiveUsers, "active users", s.store.User.Query().Where(user.Active(true)).Count},
		{&o.Sessions, "sessions", s.store.Session.Query().Where(convert.LiveSession(now, s.accessTTL)).Count},
		{&o.ApiKeys, "keys", s.store.Credential.Query().Where(convert.LiveKey(now)).Count},
	} {
		n, err := s.rows.Of(store.Slow(ctx), c.kind, c.count)
		if err != nil {
			return err
		}
		*c.into = int32(n)
	}
	return nil
}

func (s *Service) expiringKeys(ctx context.Context, now time.Time, o *paddockv1.Overview) error {
	keys, err := s.store.Credential.Query().
		Where(convert.LiveKey(now)).
		Where(credential.ExpiresAtGT(now), credential.ExpiresAtLT(now.Add(expiresSoon))). // the first, implied here, is what the index is searched by
		WithUser(func(q *db.UserQuery) { q.Select(user.FieldEmail) }).
		Order(credential.ByExpiresAt(), credential.ByID()).
		Limit(expiringShown).
		All(ctx)
	for _, k := range keys {
		if owner := k.Edges.User; owner != nil { // nil: deleted between the two queries
			o.ExpiringKeys = append(o.ExpiringKeys, &paddockv1.ExpiringKey{Credential: convert.Credential(k), UserEmail: owner.Email})
		}
	}
	return err
}

// usage reads the sums of each day that the ledger keeps.
func (s *Service) usage(ctx context.Context, now time.Time, o *paddockv1.Overview) error {
	byDay := map[string]*paddockv1.UsageDay{}
	for i := range days {
		day := now.AddDate(0, 0, i-days+1).Format(time.DateOnly)
		byDay[day] = &paddockv1.UsageDay{Day: day}
		o.UsageDays = append(o.UsageDays, byDay[day])
	}
	const query = `SELECT day, CAST(sum(requests) AS bigint), CAST(sum(tokens) AS bigint) FROM usage_totals ` +
		`WHERE day >= $1 AND day <= $2 GROUP BY day`
	args := []any{o.GetUsageDays()[0].GetDay(), o.GetUsageDays()[days-1].GetDay()}
	return s.store.Read(ctx, query, args, func(row store.Row) error {
		var found paddockv1.UsageDay
		if err := row.Scan(&found.Day, &found.Requests, &found.Tokens); err != nil {
			return err
		}
		day := byDay[found.GetDay()]
		day.Requests, day.Tokens = found.GetRequests(), found.GetTokens()
		return nil
	})
}

func (s *Service) upstreams(ctx context.Context, _ time.Time, o *paddockv1.Overview) error {
	ctx, cancel := context.WithTimeout(ctx, upstreamTimeout)
	defer cancel()
	inFlight := map[string]int32{}
	for _, server := range s.upstream.Upstreams() {
		inFlight[server.Name] = int32(server.InFlight)
	}
	for _, answer := range s.upstream.Ping(ctx) {
		health := &paddockv1.UpstreamHealth{
			Name: answer.Name, Up: answer.Err == nil, LatencyMs: milliseconds(answer.Took), InFlight: inFlight[answer.Name],
		}
		known := (*ollama.Error)(nil)
		switch {
		case errors.As(answer.Err, &known):
			health.Problem = known.Message
		case answer.Err != nil:
			health.Problem = "the model server did not answer in time"
		}
		o.Upstreams = append(o.Upstreams, health)
	}
	return nil
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
