package ollama

import (
	"slices"
	"time"
)

// lines are calls that wait: a line for each user, in the order of their turns.
type lines struct {
	list []*line // none of them empty
	size int     // calls in all of them
}

type line struct {
	user  string
	calls []*waiter // oldest first
}

func (l *lines) find(user string) int {
	return slices.IndexFunc(l.list, func(x *line) bool { return x.user == user })
}

// of counts a user's calls.
func (l *lines) of(user string) int {
	if i := l.find(user); i >= 0 {
		return len(l.list[i].calls)
	}
	return 0
}

func (l *lines) add(w *waiter) {
	l.size++
	if i := l.find(w.turn.User); i >= 0 {
		l.list[i].calls = append(l.list[i].calls, w)
		return
	}
	l.list = append(l.list, &line{user: w.turn.User, calls: []*waiter{w}})
}

// remove takes a call out, and tells whether it was there. Turns stay as they
// are.
func (l *lines) remove(w *waiter) bool {
	i := l.find(w.turn.User)
	if i < 0 {
		return false
	}
	users := l.list[i]
	at := slices.Index(users.calls, w)
	if at < 0 {
		return false
	}
	l.size--
	if users.calls = slices.Delete(users.calls, at, at+1); len(users.calls) == 0 {
		l.list = slices.Delete(l.list, i, i+1)
	}
	return true
}

// first gives the call whose turn it is at a server, of users who may have a place there; nil when none can go.
func (l *lines) first(s *server, may func(user string) bool) *waiter {
	for _, users := range l.list {
		if !may(users.user) {
			continue
		}
		for _, w := range users.calls {
			if w.mayGoTo(s) {
				return w
			}
		}
	}
	return nil
}

// call takes a call out, if it is one, and puts its user behind all others.
func (l *lines) call(w *waiter) *waiter {
	if w == nil {
		return nil
	}
	users := l.list[l.find(w.turn.User)]
	l.remove(w)
	if len(users.calls) > 0 {
		i := l.find(users.user)
		l.list = append(slices.Delete(l.list, i, i+1), users)
	}
	return w
}

// last gives the newest call of a user who has one.
func (l *lines) last(user string) *waiter {
	calls := l.list[l.find(user)].calls
	return calls[len(calls)-1]
}

func (l *lines) longestWait() time.Duration {
	var longest time.Duration
	for _, users := range l.list {
		longest = max(longest, time.Since(users.calls[0].begun))
	}
	return longest
}
