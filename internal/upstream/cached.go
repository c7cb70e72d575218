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

// last returns the last value known, if any, and why it could not be had when it was
// asked for last. It does not wait.
func (c *cached[T]) last() (value T, known bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.asked) > c.freshFor {
		c.renewLocked()
	}
	return c.value, c.known, c.err
}

// renew has the value asked for again if that was not done within age, and waits for
// it, also when others ask. It fails only when ctx ends.
func (c *cached[T]) renew(ctx context.Context, age time.Duration) error {
	return wait(ctx, c.older(age))
}

// older has the value asked for again if that was not done within age, and returns
// what is closed when that is over; else nil.
func (c *cached[T]) older(age time.Duration) <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.asked) <= age {
		return nil
	}
	c.renewLocked()
	return c.asking
}

func (c *cached[T]) renewLocked() {
	if c.asking != nil {
		return
	}
	c.asking = make(chan struct{})
	go func() {
		value, err := c.ask(context.Background())
		c.mu.Lock()
		defer c.mu.Unlock()
		c.err, c.asked = err, time.Now()
		if err == nil {
			c.value, c.known = value, true
		}
		close(c.asking)
		c.asking = nil
	}()
}

// wait waits until done, if it is not nil, is closed. It fails only when ctx ends.
func wait(ctx context.Context, done <-chan struct{}) error {
	if done == nil {
		return nil
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
