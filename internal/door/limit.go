package door

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

// Limiter holds a token bucket per user: one minute's worth of requests, refilled evenly. A limit of zero is none.
type Limiter struct {
	perMinute int // of users who have no limit of their own
	// Shared takes requests of the bucket that all replicas share, behind our own; nil when there is one replica.
	Shared func(ctx context.Context, user uuid.UUID, n, perMinute int) (left float64, ok bool, err error)

	mu      sync.Mutex
	buckets map[uuid.UUID]*bucket
	swept   time.Time
}

// bucket is a user's. leased are requests that were taken of the shared one and not used yet, and left is what that one
// had then, at asked.
type bucket struct {
	*rate.Limiter
	perMinute int

	mu     sync.Mutex
	leased int
	left   float64
	asked  time.Time
	asking *lease // nil when nobody is
}

// lease is a question to the shared bucket, whose answer is for all who wait for it.
type lease struct {
	answered chan struct{}
	refused  bool
	err      error
}

// NewLimiter returns a limiter for users who have no limit of their own.
func NewLimiter(perMinute int) *Limiter {
	return &Limiter{perMinute: perMinute, buckets: map[uuid.UUID]*bucket{}, swept: time.Now()}
}

// limitOf is the user's own limit, or else everybody's.
func (l *Limiter) limitOf(c *caller.Caller) int {
	if own := c.Quota.RequestsPerMinute; own != nil {
		return int(*own)
	}
	return l.perMinute
}

// bucket returns the user's bucket. One that is full again is as good as none, so those are swept each minute.
func (l *Limiter) bucket(user uuid.UUID, perMinute int, now time.Time) *bucket {
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
			Limiter: rate.NewLimiter(rate.Limit(float64(perMinute)/60), perMinute), perMinute: perMinute, left: float64(perMinute), asked: now,
		}
		l.buckets[user] = b
	}
	return b
}

// take takes a request of the caller's, or refuses it with RATE_LIMITED; the headers tell the state in both cases.
func (l *Limiter) take(ctx context.Context, c *caller.Caller, h http.Header) error {
	perMinute := l.limitOf(c)
	if perMinute == 0 {
		return nil
	}
	now := time.Now()
	b := l.bucket(c.UserID, perMinute, now)
	ok := b.AllowN(now, 1)
	if ok && l.Shared != nil {
		var err error
		if ok, err = b.takeShared(ctx, c.UserID, l.Shared); err != nil {
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

// takeShared takes a request of those that all replicas share. A second's worth is taken at once, where that is more than
// one, so that who may ask often does not go to the database for each; and one of the user's calls asks for all that come
// meanwhile, so that each of them is told soon when the database does not answer.
func (b *bucket) takeShared(ctx context.Context, user uuid.UUID, shared func(context.Context, uuid.UUID, int, int) (float64, bool, error)) (bool, error) {
	for {
		b.mu.Lock()
		if b.leased > 0 {
			b.leased--
			b.mu.Unlock()
			return true, nil
		}
		l, first := b.asking, b.asking == nil
		if first {
			l = &lease{answered: make(chan struct{})}
			b.asking = l
		}
		b.mu.Unlock()
		if first {
			b.ask(ctx, l, user, shared)
		}
		select {
		case <-l.answered:
		case <-ctx.Done():
			return false, ctx.Err()
		}
		if l.err != nil || l.refused {
			return false, l.err
		}
	}
}

// ask asks the shared bucket.
func (b *bucket) ask(ctx context.Context, l *lease, user uuid.UUID, shared func(context.Context, uuid.UUID, int, int) (float64, bool, error)) {
	n := max(b.perMinute/60, 1)
	left, ok, err := 0.0, false, error(fault.ErrInternal) // if shared panics
	defer func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if l.err = err; err == nil {
			b.left, b.asked, l.refused = left, time.Now(), !ok
		}
		if ok {
			b.leased = n
		}
		b.asking = nil
		close(l.answered)
	}()
	left, ok, err = shared(ctx, user, n, b.perMinute)
	if err == nil && !ok && n > 1 { // the last few one by one
		n = 1
		left, ok, err = shared(ctx, user, n, b.perMinute)
	}
}

// tokens is how many requests may come now, as far as this replica knows.
func (b *bucket) tokens(now time.Time) float64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	left := b.left + now.Sub(b.asked).Seconds()*float64(b.Limit())
	return min(b.TokensAt(now), left+float64(b.leased))
}

func (b *bucket) state(now time.Time) *paddockv1.RateLimit {
	tokens := b.tokens(now)
	return &paddockv1.RateLimit{
		Limit:        int32(b.perMinute),
		Remaining:    int32(max(0, tokens)),
		ResetSeconds: int32(math.Ceil((float64(b.perMinute) - tokens) / float64(b.Limit()))),
	}
}

// StateOf is the caller's limit as WhoAmI tells it.
func (l *Limiter) StateOf(c *caller.Caller) *paddockv1.RateLimit {
	perMinute := l.limitOf(c)
	if perMinute == 0 {
		return nil
	}
	now := time.Now()
	return l.bucket(c.UserID, perMinute, now).state(now)
}
