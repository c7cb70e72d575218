package main

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
)

// visitor makes the calls of one person, and now and then those of the admin.
type visitor struct {
	server *server
	admin  *admin
	person *person
	turn   func() bool // waits until the next call may begin, and reports whether it may
	result *results
}

// load has all people visit the server at once, until the time or the calls are used up. They come one after the other in
// the first tenth of the time, for nobody's staff signs in at the same moment.
func load(ctx context.Context, o options, r *results, a *admin, people []*person) {
	ctx, cancel := context.WithTimeout(ctx, o.duration)
	defer cancel()
	limit := rate.Inf
	if o.rate > 0 {
		limit = rate.Limit(o.rate)
	}
	pace := rate.NewLimiter(limit, 1)
	var begun atomic.Int64
	turn := func() bool { return pace.Wait(ctx) == nil && begun.Add(1) <= int64(o.calls) }
	s := newServer(o.url, o.atOnce)
	var all sync.WaitGroup
	for i, p := range people {
		all.Go(func() {
			arrives := o.duration / 10 * time.Duration(i) / time.Duration(len(people))
			select {
			case <-time.After(arrives):
			case <-ctx.Done():
			}
			v := &visitor{server: s, admin: a, person: p, turn: turn, result: r}
			for v.visit(context.WithoutCancel(ctx)) && v.administer(context.WithoutCancel(ctx)) {
			}
		})
	}
	all.Wait()
}

// call makes one call and records how long it took. It reports whether there is time for another.
func (v *visitor) call(name string, do func() error) bool {
	if !v.turn() {
		return false
	}
	begun := time.Now()
	err := do()
	v.result.add(name, time.Since(begun), err)
	return true
}

// visit is a person's: they sign in, look around with the session, and use an API key of theirs. It reports whether there is
// time for another.
func (v *visitor) visit(ctx context.Context) bool {
	var session *paddockv1.LoginResponse
	if !v.call("Login", func() (err error) {
		session, err = v.server.as("").auth.Login(ctx, &paddockv1.LoginRequest{Email: v.person.email, Password: v.person.password})
		return err
	}) {
		return false
	}
	if session == nil {
		return true // refused, and recorded
	}
	c := v.server.as(session.GetAccessToken())
	return v.lookAround(ctx, c) && v.useKey(ctx, c) &&
		v.call("Refresh", func() (err error) {
			renewed, err := v.server.as("").auth.Refresh(ctx, &paddockv1.RefreshRequest{RefreshToken: session.GetRefreshToken()})
			if err == nil {
				c = v.server.as(renewed.GetAccessToken())
			}
			return err
		}) &&
		v.call("Logout", func() error {
			_, err := c.auth.Logout(ctx, &paddockv1.LogoutRequest{})
			return err
		})
}

// someTimes returns 5 on average, so that people do not come to do the same at the same time.
func someTimes() int { return 1 + rand.IntN(9) }

func (v *visitor) lookAround(ctx context.Context, c *clients) bool {
	for range someTimes() {
		if !v.whoAmI(ctx, "WhoAmI, session", c) {
			return false
		}
	}
	return v.call("ListSessions", func() error {
		_, err := c.auth.ListSessions(ctx, &paddockv1.ListSessionsRequest{})
		return err
	})
}

func (v *visitor) whoAmI(ctx context.Context, name string, c *clients) bool {
	return v.call(name, func() error {
		_, err := c.auth.WhoAmI(ctx, &paddockv1.WhoAmIRequest{})
		return err
	})
}

func (v *visitor) useKey(ctx context.Context, c *clients) bool {
	var key *paddockv1.IssueApiKeyResponse
	if !v.call("IssueApiKey", func() (err error) {
		key, err = c.credentials.IssueApiKey(ctx, &paddockv1.IssueApiKeyRequest{Label: "load"})
		return err
	}) {
		return false
	}
	if key == nil {
		return true // refused, and recorded
	}
	withKey := v.server.as(key.GetSecret())
	for range someTimes() {
		if !v.whoAmI(ctx, "WhoAmI, API key", withKey) {
			return false
		}
	}
	return v.call("ListCredentials", func() error {
		_, err := c.credentials.ListCredentials(ctx, &paddockv1.ListCredentialsRequest{})
		return err
	}) && v.call("RevokeCredential", func() error {
		_, err := c.credentials.RevokeCredential(ctx, &paddockv1.RevokeCredentialRequest{Id: key.GetCredential().GetId()})
		return err
	})
}

// administer makes the admin's calls, unless those would pass the limit of theirs.
func (v *visitor) administer(ctx context.Context) bool {
	const calls = 4
	if v.admin.limited && !v.admin.limit.AllowN(time.Now(), calls) {
		return true
	}
	list := func(name string, request *paddockv1.ListAuditEntriesRequest) bool {
		return v.call(name, func() error {
			_, err := v.admin.audit.ListAuditEntries(ctx, request)
			return err
		})
	}
	return v.call("ListUsers", func() error {
		_, err := v.admin.users.ListUsers(ctx, &paddockv1.ListUsersRequest{PageSize: 50})
		return err
	}) && v.call("GetUser", func() error {
		_, err := v.admin.users.GetUser(ctx, &paddockv1.GetUserRequest{Id: v.person.id})
		return err
	}) && list("ListAuditEntries", &paddockv1.ListAuditEntriesRequest{PageSize: 50}) &&
		list("ListAuditEntries, one type", &paddockv1.ListAuditEntriesRequest{PageSize: 50, EventType: "api_key_revoked"})
}
