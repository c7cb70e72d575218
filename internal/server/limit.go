package server

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"

	"connectrpc.com/connect"
	"github.com/google/uuid"
	"golang.org/x/time/rate"

	"github.com/paddock-gate/paddock/internal/caller"
	"github.com/paddock-gate/paddock/internal/fault"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
)

// limiter holds a token bucket per user: one minute's worth of requests, refilled evenly. A limit of zero is none.
type limiter struct {
	perMinute int // of users who have no limit of their own
	// shared takes requests of the bucket that all replicas share, behind our own; nil when there is one replica.
	shared func(ctx context.Context, user uuid.UUID, n, perMinute int) (left float64, ok bool, err error)

	mu      sync.Mutex
	buckets map[uuid.UUID]*bucket
	swept   time.Time
}

// bucket is a user's. leased are requests that were taken of the shared one and not used yet, and left is what that one
// had then.
type bucket struct {
	*rate.Limiter
	perMinute int

	mu     sync.Mutex
	leased int
	left   float64
}

func newLimiter(perMinute int) *limiter {
	return &limiter{perMinute: perMinute, buckets: map[uuid.UUID]*bucket{}, swept: time.Now()}
}

// limitOf is the user's own limit, or else everybody's.
func (l *limiter) limitOf(c *caller.Caller) int {
	if own := c.Quota.RequestsPerMinute; own != nil {
		return int(*own)
	}
	return l.perMinute
}

// bucket returns the user's bucket. One that is full again is as good as none, so those are swept each minute.
func (l *limiter) bucket(user uuid.UUID, perMinute int, now time.Time) *bucket {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.swept) > time.Minute {
		l.swept = now
		for id, b := range l.buckets {
			if b.TokensAt(now) >= float64(b.perMinute) {
				delete(l.buckets, id)
			}
		}
	}
	b, ok := l.buckets[user]
	if !ok || b.perMinute != perMinute {
		b = &bucket{
			Limiter: rate.NewLimiter(rate.Limit(float64(perMinute)/60), perMinute), perMinute: perMinute, left: float64(perMinute),
		}
		l.buckets[user] = b
	}
	return b
}

// take takes a request of the caller's, or refuses it with RATE_LIMITED; the headers tell the state in both cases.
func (l *limiter) take(ctx context.Context, c *caller.Caller, h http.Header) error {
	perMinute := l.limitOf(c)
	if perMinute == 0 {
		return nil
	}
	now := time.Now()
	b := l.bucket(c.UserID, perMinute, now)
	ok := b.AllowN(now, 1)
	if ok && l.shared != nil {
		var err error
		if ok, err = b.lease(ctx, c.UserID, l.shared); err != nil {
			return err
		}
	}
	state := b.state(now)
	h.Set("X-RateLimit-Limit", strconv.Itoa(int(state.GetLimit())))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(int(state.GetRemaining())))
	h.Set("X-RateLimit-Reset", strconv.Itoa(int(state.GetResetSeconds())))
	if ok {
		return nil
	}
	wait := time.Duration((1 - b.tokens(now)) / float64(b.Limit()) * float64(time.Second))
	return fault.Retry(connect.CodeResourceExhausted, fault.RateLimited, "too many requests; slow down", wait)
}

// lease takes a request of those that all replicas share. A second's worth is taken at once, where that is more than one,
// so that who may ask often does not go to the database for each.
func (b *bucket) lease(ctx context.Context, user uuid.UUID, shared func(context.Context, uuid.UUID, int, int) (float64, bool, error)) (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, n := range []int{b.perMinute / 60, 1} { // the last few one by one
		if b.leased > 0 {
			break
		}
		if n == 0 {
			continue
		}
		left, ok, err := shared(ctx, user, n, b.perMinute)
		if err != nil {
			return false, err
		}
		if ok {
			b.leased, b.left = n, left
		} else {
			b.left = 0
		}
	}
	if b.leased == 0 {
		return false, nil
	}
	b.leased--
	return true, nil
}

// tokens is how many requests may come now, as far as this replica knows.
func (b *bucket) tokens(now time.Time) float64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return min(b.TokensAt(now), b.left+float64(b.leased))
}

func (b *bucket) state(now time.Time) *paddockv1.RateLimit {
	tokens := b.tokens(now)
	return &paddockv1.RateLimit{
		Limit:        int32(b.perMinute),
		Remaining:    int32(max(0, tokens)),
		ResetSeconds: int32(math.Ceil((float64(b.perMinute) - tokens) / float64(b.Limit()))),
	}
}

// stateOf is the caller's limit as WhoAmI tells it.
func (l *limiter) stateOf(c *caller.Caller) *paddockv1.RateLimit {
	perMinute := l.limitOf(c)
	if perMinute == 0 {
		return nil
	}
	now := time.Now()
	return l.bucket(c.UserID, perMinute, now).state(now)
}
