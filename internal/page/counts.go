package page

import (
	"context"
	"sync"
	"time"

	"github.com/paddock-gate/paddock/internal/coalesce"
)

const (
	// Exact is up to how many rows a count is exact.
	Exact = 1000
	// countedFor is how long a count of more rows is used again.
	countedFor = time.Minute
	// maxCounts bounds the memory of counts.
	maxCounts = 1000
)

// Counts remembers how many rows there are of a kind. Up to Exact rows are counted whenever it is asked; more are counted at
// most once a minute, since that takes the longer the more there are. The zero value is ready to use.
type Counts struct {
	counting coalesce.Group[string, int]

	mu    sync.Mutex
	large map[string]counted
}

type counted struct {
	rows int
	at   time.Time
}

// Of returns how many rows of the kind there are, which count counts.
func (c *Counts) Of(ctx context.Context, kind string, count func(context.Context) (int, error)) (int, error) {
	if rows, ok := c.recent(kind); ok {
		return rows, nil
	}
	return c.counting.Do(kind, func() (int, error) {
		if rows, ok := c.recent(kind); ok { // somebody has counted while this call waited
			return rows, nil
		}
		rows, err := count(ctx)
		if err == nil && rows > Exact {
			c.remember(kind, rows)
		}
		return rows, err
	})
}

func (c *Counts) recent(kind string) (rows int, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	last, ok := c.large[kind]
	return last.rows, ok && time.Since(last.at) < countedFor
}

func (c *Counts) remember(kind string, rows int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.large == nil || len(c.large) >= maxCounts {
		c.large = map[string]counted{}
	}
	c.large[kind] = counted{rows, time.Now()}
}
