package door

import (
	"sync"

	"github.com/google/uuid"
)

// counter counts what users hold, each of them and all together, within bounds.
type counter struct {
	perUser, inAll int // at most

	mu    sync.Mutex
	all   int
	users map[uuid.UUID]int
}

func newCounter(perUser, inAll int) counter {
	return counter{perUser: perUser, inAll: inAll, users: map[uuid.UUID]int{}}
}

// add adds n to what the user holds and reports whether it did: it does not if a bound would be exceeded by more than extra.
// uuid.Nil, which stands for all unauthenticated requests, has no bound of its own. A negative n is always added.
func (c *counter) add(user uuid.UUID, n, extra int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n > 0 && (c.all+n > c.inAll+extra || user != uuid.Nil && c.users[user]+n > c.perUser+extra) {
		return false
	}
	c.all += n
	if c.users[user] += n; c.users[user] == 0 {
		delete(c.users, user)
	}
	return true
}

// total returns what all users hold.
func (c *counter) total() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.all
}
