package upstream

import (
	"context"
	"sync"
	"time"
)

// cached is a value that is asked for again when it is used and old. While that
// fails, the last one known stays.
type cached[T any] struct {
	ask      func(context.Context) (T, error) // must end by itself
	freshFor time.Duration

	mu     sync.Mutex
	value  T
	known  bool
	err    error         // of the last time that value was asked for
	asked  time.Time     // when that was over
	asking chan struct{} // closed when it is; nil when nobody asks
}

// last gives the last value known, if any, without waiting.
func (c *cached[T]) last() (value T, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.asked) > c.freshFor {
		c.renew()
	}
	return c.value, c.known
}

// lastErr returns why the value could not be had when it was asked for last.
func (c *cached[T]) lastErr() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// newest gives a value that was asked for within age, or else the last one
// known. It waits for one, also when others ask, and fails when no value is known
// or ctx ends.
func (c *cached[T]) newest(ctx context.Context, age time.Duration) (T, error) {
	if asking := c.older(age); asking != nil {
		select {
		case <-asking:
		case <-ctx.Done():
			var none T
			return none, ctx.Err()
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known {
		return c.value, nil
	}
	return c.value, c.err
}

// older has a value asked for again that was not asked for within age, and gives
// what is closed when that is over; else nil.
func (c *cached[T]) older(age time.Duration) <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.asked) <= age {
		return nil
	}
	c.renew()
	return c.asking
}

// renew wants c.mu held.
func (c *cached[T]) renew() {
	if c.asking != nil {
		return
	}
	c.asking = make(chan struct{})
	go func() {
		value, err := c.ask(context.Background())
		c.set(value, err)
	}()
}

func (c *cached[T]) set(value T, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err, c.asked = err, time.Now()
	if err == nil {
		c.value, c.known = value, true
	}
	close(c.asking)
	c.asking = nil
}
