package fairqueue

import (
	"slices"
	"time"
)

// backlog is the calls that wait: a FIFO for each user, in the order of their turns.
type backlog struct {
	users []*fifo // none of them empty
	size  int     // calls in all of them
}

type fifo struct {
	user  string
	calls []*Call // oldest first
}

// find returns the index of a user, -1 when he has no calls.
func (b *backlog) find(user string) int {
	return slices.IndexFunc(b.users, func(f *fifo) bool { return f.user == user })
}

func (b *backlog) add(c *Call) {
	b.size++
	if i := b.find(c.User); i >= 0 {
		b.users[i].calls = append(b.users[i].calls, c)
		return
	}
	b.users = append(b.users, &fifo{user: c.User, calls: []*Call{c}})
}

// remove takes a call out, and reports whether it was there. Turns stay as they are.
func (b *backlog) remove(c *Call) bool {
	i := b.find(c.User)
	if i < 0 {
		return false
	}
	f := b.users[i]
	at := slices.Index(f.calls, c)
	if at < 0 {
		return false
	}
	b.size--
	if f.calls = slices.Delete(f.calls, at, at+1); len(f.calls) == 0 {
		b.users = slices.Delete(b.users, i, i+1)
	}
	return true
}

// turn takes out a call whose turn has come, and puts its user behind all others.
func (b *backlog) turn(c *Call) {
	f := b.users[b.find(c.User)]
	b.remove(c)
	if i := b.find(c.User); i >= 0 {
		b.users = append(slices.Delete(b.users, i, i+1), f)
	}
}

func (b *backlog) longestWait() time.Duration {
	var longest time.Duration
	for _, f := range b.users {
		longest = max(longest, time.Since(f.calls[0].Begun))
	}
	return longest
}
