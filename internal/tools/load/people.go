package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
)

const (
	// requestsOfPerson is the limit of each person a minute, which is there and not in the way.
	requestsOfPerson = 1_000_000
	// leastOfAdmin is how many calls a minute the admin must be allowed, to make people and to delete them.
	leastOfAdmin = 120
)

// admin is who runs the command. Its limiter keeps to the limit of requests that the server has for them.
type admin struct {
	*clients
	limit   *rate.Limiter
	limited bool
}

// person is a user of the command's own.
type person struct{ id, email, password string }

// findAdmin returns the admin whose key it is.
func findAdmin(ctx context.Context, s *server, key string) (*admin, error) {
	a := &admin{clients: s.as(key), limit: rate.NewLimiter(rate.Inf, 0)}
	m, err := a.auth.WhoAmI(ctx, &paddockv1.WhoAmIRequest{})
	if err != nil {
		return nil, fmt.Errorf("who am I: %w", err)
	}
	if !slices.Contains(m.GetUser().GetRoles(), "admin") {
		return nil, errors.New("PADDOCK_API_KEY is not an admin's")
	}
	if perMinute := m.GetRateLimit().GetLimit(); perMinute > 0 {
		if perMinute < leastOfAdmin {
			return nil, fmt.Errorf("the admin may make %d calls a minute, too few: give them %d with SetQuota's requests_per_minute", perMinute, leastOfAdmin)
		}
		// Less than it refills with, in case that the admin is somewhere else, too.
		a.limited, a.limit = true, rate.NewLimiter(rate.Limit(perMinute)/60*0.8, leastOfAdmin/2)
	}
	return a, nil
}

// makePeople returns those that it has made also when it fails.
func (a *admin) makePeople(ctx context.Context, count int) ([]*person, error) {
	var people []*person
	run := strings.ToLower(rand.Text()[:6])
	many := int32(requestsOfPerson)
	for i := range count {
		p := &person{email: fmt.Sprintf("load-%s-%02d@example.com", run, i), password: rand.Text()}
		if err := a.limit.WaitN(ctx, 2); err != nil {
			return people, err
		}
		m, err := a.users.CreateUser(ctx, &paddockv1.CreateUserRequest{Email: p.email, DisplayName: "Load", Password: p.password, Roles: []string{"user"}})
		if err != nil {
			return people, fmt.Errorf("create user: %w", err)
		}
		p.id = m.GetUser().GetId()
		people = append(people, p)
		if _, err := a.usage.SetQuota(ctx, &paddockv1.SetQuotaRequest{UserId: p.id, RequestsPerMinute: &many}); err != nil {
			return people, fmt.Errorf("set quota: %w", err)
		}
	}
	return people, nil
}

// deletePeople goes on after an error, of which it returns the first.
func (a *admin) deletePeople(ctx context.Context, people []*person) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	var first error
	for _, p := range people {
		err := a.limit.Wait(ctx)
		if err == nil {
			_, err = a.users.DeleteUser(ctx, &paddockv1.DeleteUserRequest{Id: p.id})
		}
		if err != nil && first == nil {
			first = fmt.Errorf("delete user: %w", err)
		}
	}
	return first
}

// fill makes so many users, many at once, which the server writes together. They have no password and no role. Those that an
// earlier fill has made stay as they are.
func (a *admin) fill(ctx context.Context, count int, progress io.Writer) error {
	if count == 0 {
		return nil
	}
	if a.limited {
		return errors.New("-fill needs an admin without a limit of requests: RATE_LIMIT_PER_MINUTE=0, or 0 with SetQuota's requests_per_minute")
	}
	const workers, step = 16, 5000
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var begun atomic.Int64
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for n := begun.Add(1); n <= int64(count) && ctx.Err() == nil; n = begun.Add(1) {
				if err := a.fillOne(ctx, n); err != nil {
					cancel(err)
				}
				if n%step == 0 {
					fmt.Fprintf(progress, "filling the server with users: %d of %d\n", n, count)
				}
			}
		})
	}
	all.Wait()
	return context.Cause(ctx)
}

func (a *admin) fillOne(ctx context.Context, n int64) error {
	name := fmt.Sprintf("fill-%06d", n)
	_, err := a.users.CreateUser(ctx, &paddockv1.CreateUserRequest{Email: name + "@example.com", ExternalId: name, DisplayName: fmt.Sprintf("Fill %d", n)})
	if err != nil {
		return fmt.Errorf("create user: %w", err)
	}
	return nil
}
