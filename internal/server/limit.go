package server

import (
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

// limiter holds a token bucket per user: one minute's worth of requests, refilled evenly. The zero limit is none.
type limiter struct {
	perMinute int
	mu        sync.Mutex
	buckets   map[uuid.UUID]*rate.Limiter
	swept     time.Time
}

func newLimiter(perMinute int) *limiter {
	return &limiter{perMinute: perMinute, buckets: map[uuid.UUID]*rate.Limiter{}, swept: time.Now()}
}

// bucket returns the user's bucket. A bucket that is full again is as good as none, so those are swept each minute.
func (l *limiter) bucket(user uuid.UUID, now time.Time) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.swept) > time.Minute {
		l.swept = now
		for id, b := range l.buckets {
			if b.TokensAt(now) >= float64(l.perMinute) {
				delete(l.buckets, id)
			}
		}
	}
	b, ok := l.buckets[user]
	if !ok {
		b = rate.NewLimiter(rate.Limit(float64(l.perMinute)/60), l.perMinute)
		l.buckets[user] = b
	}
	return b
}

// take takes a request of the user's, or refuses it with RATE_LIMITED; the headers tell the state in both cases.
func (l *limiter) take(user uuid.UUID, h http.Header) error {
	if l.perMinute == 0 {
		return nil
	}
	now := time.Now()
	b := l.bucket(user, now)
	ok := b.AllowN(now, 1)
	state := l.state(b, now)
	h.Set("X-RateLimit-Limit", strconv.Itoa(int(state.GetLimit())))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(int(state.GetRemaining())))
	h.Set("X-RateLimit-Reset", strconv.Itoa(int(state.GetResetSeconds())))
	if ok {
		return nil
	}
	wait := time.Duration((1 - b.TokensAt(now)) / float64(b.Limit()) * float64(time.Second))
	return fault.Retry(connect.CodeResourceExhausted, fault.RateLimited, "too many requests; slow down", wait)
}

func (l *limiter) state(b *rate.Limiter, now time.Time) *paddockv1.RateLimit {
	tokens := b.TokensAt(now)
	return &paddockv1.RateLimit{
		Limit:        int32(l.perMinute),
		Remaining:    int32(max(0, tokens)),
		ResetSeconds: int32(math.Ceil((float64(l.perMinute) - tokens) / float64(b.Limit()))),
	}
}

// stateOf is the caller's limit as WhoAmI tells it.
func (l *limiter) stateOf(c *caller.Caller) *paddockv1.RateLimit {
	if l.perMinute == 0 {
		return nil
	}
	now := time.Now()
	return l.state(l.bucket(c.UserID, now), now)
}
