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

	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/caller"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
)

// Limiter limits requests per minute with a token bucket for each user. A limit of 0 means none.
type Limiter struct {
	perMinute int // of users who have no limit of their own
	// Shared takes requests from the bucket that all replicas share, which is asked after our own. It is nil if there is one
	// replica.
	Shared Take

	mu      sync.Mutex
	buckets map[uuid.UUID]*bucket
	swept   time.Time
}

// Take takes n requests from a user's bucket, which is refilled with perMinute. It returns how many are left, and whether n were.
type Take func(ctx context.Context, user uuid.UUID, n, perMinute int) (left float64, ok bool, err error)

// bucket is a user's token bucket of this replica.
type bucket struct {
	*rate.Limiter
	perMinute int

	mu         sync.Mutex
	prefetched int     // requests taken from the shared bucket and not used yet
	left       float64 // tokens that the shared bucket had at asked
	asked      time.Time
	running    *fetch // nil if none is
}

// fetch is a request to the shared bucket. All calls of the user that come meanwhile wait for it.
type fetch struct {
	done    chan struct{} // closed after the other fields have been set
	refused bool
	err     error
}

// NewLimiter returns a limiter of perMinute requests for users who have no limit of their own.
func NewLimiter(perMinute int) *Limiter {
	return &Limiter{perMinute: perMinute, buckets: map[uuid.UUID]*bucket{}, swept: time.Now()}
}

// limitOf returns the user's own limit, or else the default.
func (l *Limiter) limitOf(c *caller.Caller) int {
	if own := c.Quota.RequestsPerMinute; own != nil {
		return int(*own)
	}
	return l.perMinute
}

// bucket returns the user's bucket. Every minute it drops the full ones, which are as good as new ones.
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

// take counts a request of the caller, or returns RATE_LIMITED. In both cases it sets the rate limit headers.
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
	return apierr.Retry(connect.CodeResourceExhausted, apierr.RateLimited, "too many requests; slow down", wait)
}

// takeShared takes a request from the shared bucket and reports whether it could. It prefetches a second's worth, if that is more
// than one, so that users with high limits do not query the database for each request; and concurrent calls of a user share one
// query, so that they do not wait one after the other for a database that hangs.
func (b *bucket) takeShared(ctx context.Context, user uuid.UUID, shared Take) (bool, error) {
	for {
		b.mu.Lock()
		if b.prefetched > 0 {
			b.prefetched--
			b.mu.Unlock()
			return true, nil
		}
		f, first := b.running, b.running == nil
		if first {
			f = &fetch{done: make(chan struct{})}
			b.running = f
		}
		b.mu.Unlock()
		if first {
			b.fetch(ctx, f, user, shared)
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return false, ctx.Err()
		}
		if f.err != nil || f.refused {
			return false, f.err
		}
	}
}

// fetch runs f.
func (b *bucket) fetch(ctx context.Context, f *fetch, user uuid.UUID, shared Take) {
	n := max(b.perMinute/60, 1)
	left, ok, err := 0.0, false, error(apierr.ErrInternal) // if shared panics
	defer func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if f.err = err; err == nil {
			b.left, b.asked, f.refused = left, time.Now(), !ok
		}
		if ok {
			b.prefetched = n
		}
		b.running = nil
		close(f.done)
	}()
	left, ok, err = shared(ctx, user, n, b.perMinute)
	if err == nil && !ok && n > 1 { // the last few singly
		n = 1
		left, ok, err = shared(ctx, user, n, b.perMinute)
	}
}

// tokens returns how many requests are allowed now, as far as this replica knows.
func (b *bucket) tokens(now time.Time) float64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	left := b.left + now.Sub(b.asked).Seconds()*float64(b.Limit())
	return min(b.TokensAt(now), left+float64(b.prefetched))
}

func (b *bucket) state(now time.Time) *paddockv1.RateLimit {
	tokens := b.tokens(now)
	return &paddockv1.RateLimit{
		Limit:        int32(b.perMinute),
		Remaining:    int32(max(0, tokens)),
		ResetSeconds: int32(math.Ceil((float64(b.perMinute) - tokens) / float64(b.Limit()))),
	}
}

// StateOf returns the state of the caller's limit, nil if they have none.
func (l *Limiter) StateOf(c *caller.Caller) *paddockv1.RateLimit {
	perMinute := l.limitOf(c)
	if perMinute == 0 {
		return nil
	}
	now := time.Now()
	return l.bucket(c.UserID, perMinute, now).state(now)
}
