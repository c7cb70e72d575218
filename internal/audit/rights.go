package audit

import (
	"bytes"
	"context"
	"encoding/binary"
	"slices"

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
	now := store.Now()
	var b sql.Builder
	b.SetDialect(l.store.Dialect())
	require := func(table string, is func(*sql.Selector)) {
		rows := sql.Dialect(l.store.Dialect()).Select().From(sql.Table(table))
		rows.AppendSelectExpr(sql.Raw("1"))
		is(rows)
		if b.Len() > 0 {
			b.WriteString(" * ")
		}
		b.WriteString("(SELECT count(*) FROM (").Join(rows).WriteString(") AS good)")
	}
	require(user.Table, user.And(user.ID(c.UserID), user.Active(true)))
	if c.SessionID != uuid.Nil {
		require(session.Table, session.And(session.ID(c.SessionID), convert.OpenSession(now)))
	}
	if c.CredentialID != uuid.Nil {
		require(credential.Table, credential.And(credential.ID(c.CredentialID), convert.LiveKey(now)))
	}
	if c.Has(caller.Admin) {
		require(userrole.Table, userrole.And(userrole.UserID(c.UserID), userrole.RoleID(caller.Admin)))
	}
	expression, args := b.Query()
	return l.store.Require(ctx, tx, expression, args...)
}
