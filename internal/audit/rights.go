package audit

import (
	"bytes"
	"context"
	"encoding/binary"
	"slices"
	"sync"
	"time"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/ent/db/credential"
	"github.com/paddock-gate/paddock/ent/db/session"
	"github.com/paddock-gate/paddock/ent/db/user"
	"github.com/paddock-gate/paddock/ent/db/userrole"
	"github.com/paddock-gate/paddock/internal/caller"
	"github.com/paddock-gate/paddock/internal/convert"
	"github.com/paddock-gate/paddock/internal/store"
)

// lockRights holds rights as they are until the commit: those of the caller, together with other calls, and those of the target, a
// user, if there is one, alone. Whoever waits is served in turn. SQLite has one writer at a time anyway.
func (l *Log) lockRights(ctx context.Context, tx *db.Tx, target uuid.UUID) error {
	if l.store.Embedded() {
		return nil
	}
	own := caller.From(ctx).UserID
	locks := []struct {
		user      uuid.UUID
		statement string
	}{{own, `SELECT pg_advisory_xact_lock_shared($1)`}, {target, `SELECT pg_advisory_xact_lock($1)`}}
	switch {
	case own == target:
		locks = locks[1:]
	case bytes.Compare(own[:], target[:]) > 0: // two users who act on each other lock in the same order
		slices.Reverse(locks)
	}
	for _, lock := range locks {
		if lock.user == uuid.Nil {
			continue
		}
		number := int64(binary.BigEndian.Uint64(lock.user[8:]))
		if err := store.Send(ctx, tx, lock.statement, number); err != nil {
			return err
		}
	}
	return nil
}

// checkRights makes the transaction fail unless what the caller has rights by is still good: the user, the session or key, and
// the admin's role. An unauthenticated caller has nothing to lose. lockRights must have been called, so that it stays so.
func (l *Log) checkRights(ctx context.Context, tx *db.Tx) error {
	c := caller.From(ctx)
	if !c.SignedIn() {
		return nil
	}
	given := rights{user: c.UserID, session: c.SessionID, key: c.CredentialID, now: store.Now()}
	expression, args := l.checks.of(l.store.Dialect(), given, c.Has(caller.Admin))
	return l.store.Require(ctx, tx, expression, args...)
}

// rights are what a caller acts by, at a time.
type rights struct {
	user, session, key uuid.UUID // session and key may be absent
	now                time.Time
}

// check returns an SQL expression that is above 0 while the rights are good, and its arguments.
func (r rights) check(dialect string, admin bool) (expression string, args []any) {
	var b sql.Builder
	b.SetDialect(dialect)
	require := func(table string, is func(*sql.Selector)) {
		rows := sql.Dialect(dialect).Select().From(sql.Table(table))
		rows.AppendSelectExpr(sql.Raw("1"))
		is(rows)
		if b.Len() > 0 {
			b.WriteString(" * ")
		}
		b.WriteString("(SELECT count(*) FROM (").Join(rows).WriteString(") AS good)")
	}
	require(user.Table, user.And(user.ID(r.user), user.Active(true)))
	if r.session != uuid.Nil {
		require(session.Table, session.And(session.ID(r.session), convert.OpenSession(r.now)))
	}
	if r.key != uuid.Nil {
		require(credential.Table, credential.And(credential.ID(r.key), convert.LiveKey(r.now)))
	}
	if admin {
		require(userrole.Table, userrole.And(userrole.UserID(r.user), userrole.RoleID(caller.Admin)))
	}
	return b.Query()
}

// checks remembers the expressions of check, of which there are few: to build one takes as long as all else that a change does here.
type checks struct {
	mu    sync.RWMutex
	known map[shape]template
}

// shape is what the text of an expression depends on.
type shape struct{ session, key, admin bool }

// template is an expression and its arguments, some of which stand for the rights of whoever asks.
type template struct {
	expression string
	args       []any
}

// example are rights that stand for others in a template.
var example = rights{uuid.UUID{1}, uuid.UUID{2}, uuid.UUID{3}, time.Unix(0, 0)}

// of returns what check does.
func (c *checks) of(dialect string, r rights, admin bool) (expression string, args []any) {
	s := shape{r.session != uuid.Nil, r.key != uuid.Nil, admin}
	c.mu.RLock()
	t, ok := c.known[s]
	c.mu.RUnlock()
	if !ok {
		e := example
		if !s.session {
			e.session = uuid.Nil
		}
		if !s.key {
			e.key = uuid.Nil
		}
		t.expression, t.args = e.check(dialect, admin)
		c.mu.Lock()
		c.known[s] = t
		c.mu.Unlock()
	}
	args = make([]any, len(t.args))
	for i, arg := range t.args {
		switch arg {
		case example.user:
			args[i] = r.user
		case example.session:
			args[i] = r.session
		case example.key:
			args[i] = r.key
		case example.now:
			args[i] = r.now
		default:
			args[i] = arg
		}
	}
	return t.expression, args
}
