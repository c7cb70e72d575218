package fairqueue

import (
	"cmp"
	"slices"
)

// batchEvery is which turn goes to a batch that waits.
const batchEvery = 4

// fillLocked lets calls through while there is room at the server. q.mu must be
// held, as for all below.
func (q *Queue) fillLocked(server int) {
	for c := q.nextLocked(server); c != nil; c = q.nextLocked(server) {
		q.takeLocked(server, c.User)
		c.called <- server
	}
}

func (q *Queue) takeLocked(server int, user string) {
	q.slots[server].total++
	q.slots[server].byUser[user]++
}

// hasRoomLocked reports whether the user may have another slot at the server.
func (q *Queue) hasRoomLocked(server int, user string) bool {
	s := &q.slots[server]
	switch {
	case q.config.PerServer == 0:
		return true
	case q.config.PerServer >= 3 && s.byUser[user] >= q.config.PerServer-1:
		return false
	}
	return s.total < q.config.PerServer
}

// pickLocked returns the best server that has room for the call, or none: the least
// busy one of the lowest rank, or else the one that the call has most affinity to,
// while that is busier by one call at most.
func (q *Queue) pickLocked(c *Call) int {
	best, closest := none, none
	for _, s := range c.Servers {
		if !q.hasRoomLocked(s, c.User) || !c.mayGoTo(s) {
			continue
		}
		if best == none || cmp.Or(cmp.Compare(c.Rank(s), c.Rank(best)), cmp.Compare(q.slots[s].total, q.slots[best].total)) < 0 {
			best = s
		}
		if c.Affinity == nil {
			continue
		}
		if closest == none || cmp.Or(cmp.Compare(c.Rank(s), c.Rank(closest)), cmp.Compare(c.Affinity(closest), c.Affinity(s))) < 0 {
			closest = s
		}
	}
	if closest != none && q.slots[closest].total <= q.slots[best].total+1 {
		return closest
	}
	return best
}

// mayGoTo reports whether the server can take the call, if it has room.
func (c *Call) mayGoTo(server int) bool {
	return slices.Contains(c.Servers, server) && (c.Rank(server) < Unready || !c.anyReady())
}

func (q *Queue) backlogOf(c *Call) *backlog {
	if c.Batch {
		return &q.batch
	}
	return &q.interactive
}

// nextLocked takes out the call whose turn it is at the server, nil when none can go.
func (q *Queue) nextLocked(server int) *Call {
	interactive, batch := q.firstLocked(&q.interactive, server), q.firstLocked(&q.batch, server)
	switch {
	case interactive == nil && batch == nil:
		return nil
	case batch == nil:
		q.interactive.turn(interactive)
		return interactive
	case interactive != nil && q.passed < batchEvery-1:
		q.passed++
		q.interactive.turn(interactive)
		return interactive
	}
	q.passed = 0
	q.batch.turn(batch)
	return batch
}

// firstLocked returns the call of a backlog whose turn it is at the server, nil when
// none can go.
func (q *Queue) firstLocked(b *backlog, server int) *Call {
	for _, f := range b.users {
		if !q.hasRoomLocked(server, f.user) {
			continue
		}
		if i := slices.IndexFunc(f.calls, func(c *Call) bool { return c.mayGoTo(server) }); i >= 0 {
			return f.calls[i]
		}
	}
	return nil
}

// makeRoomLocked pushes out the newest call, of his batches if there are any, of the
// user who has most calls waiting, if that leaves him no fewer than the user who comes.
func (q *Queue) makeRoomLocked(user string) bool {
	most, calls := "", 0
	byUser := map[string]int{}
	for _, f := range slices.Concat(q.batch.users, q.interactive.users) {
		byUser[f.user] += len(f.calls)
		if byUser[f.user] > calls {
			most, calls = f.user, byUser[f.user]
		}
	}
	if most == user || calls < byUser[user]+2 {
		return false
	}
	from := &q.batch
	if from.find(most) < 0 {
		from = &q.interactive
	}
	waiting := from.users[from.find(most)].calls
	last := waiting[len(waiting)-1]
	from.remove(last)
	last.called <- none
	return true
}
