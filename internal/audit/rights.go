package audit

import (
	"context"
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

// checkRights makes the transaction fail unless what the caller has rights by is still good: the user, the session or key, and
// the admin's role. An unauthenticated caller has nothing to lose.
//
// On PostgreSQL it locks these rows until the commit, and first of all, so that whoever ends the rights meanwhile waits. Others of
// the same caller share the lock, unless the transaction will change one of the rows, the target: two that share it would wait for
// each other then.
func (l *Log) checkRights(ctx context.Context, tx *db.Tx, target uuid.UUID) error {
	c := caller.From(ctx)
	if !c.SignedIn() {
		return nil
	}
	lock := sql.LockStrength("SHARE")
	if target != uuid.Nil && slices.Contains([]uuid.UUID{c.UserID, c.SessionID, c.CredentialID}, target) {
		lock = "NO KEY UPDATE"
	}
	now := store.Now()
	var b sql.Builder
	b.SetDialect(l.store.Dialect())
	require := func(table string, is func(*sql.Selector)) {
		rows := sql.Dialect(l.store.Dialect()).Select().From(sql.Table(table))
		rows.AppendSelectExpr(sql.Raw("1"))
		is(rows)
		if !l.store.Embedded() {
			rows.For(lock)
		}
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
