// Package audit keeps the audit trail: a change and its entry are one transaction, in which the caller's rights are looked at
// once more, and there is no other way to make a change.
package audit

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"entgo.io/ent"
	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/ent/db/auditentry"
	"github.com/paddock-gate/paddock/ent/schema"
	"github.com/paddock-gate/paddock/internal/caller"
	"github.com/paddock-gate/paddock/internal/convert"
	"github.com/paddock-gate/paddock/internal/store"
)

// Type is what happened.
type Type string

// The event types of the contract.
const (
	LoginSuccess         Type = "login_success"
	LoginFailure         Type = "login_failure"
	LoginThrottled       Type = "login_throttled"
	Logout               Type = "logout"
	SessionRevoked       Type = "session_revoked"
	RefreshReuseDetected Type = "refresh_reuse_detected"
	PasswordSet          Type = "password_set"
	PasswordChanged      Type = "password_changed"
	UserCreated          Type = "user_created"
	UserUpdated          Type = "user_updated"
	UserDeleted          Type = "user_deleted"
	RolesChanged         Type = "roles_changed"
	APIKeyIssued         Type = "api_key_issued"
	APIKeyRevoked        Type = "api_key_revoked"
	APIKeyRotated        Type = "api_key_rotated"
	AccessDenied         Type = "access_denied"
	QuotaChanged         Type = "quota_changed"
	ModelsChanged        Type = "models_changed"
	Bootstrap            Type = "bootstrap"
)

// Types lists them all, in the order of the contract.
var Types = []Type{
	LoginSuccess, LoginFailure, LoginThrottled, Logout, SessionRevoked, RefreshReuseDetected, PasswordSet, PasswordChanged,
	UserCreated, UserUpdated, UserDeleted, RolesChanged, APIKeyIssued, APIKeyRevoked, APIKeyRotated, AccessDenied,
	QuotaChanged, ModelsChanged, Bootstrap,
}

// Outcome is how it ended.
type Outcome string

// The outcomes of the contract.
const (
	Success Outcome = "success"
	Failure Outcome = "failure"
	Denied  Outcome = "denied"
)

// Event is what a feature knows of what happened. Who asked, with what and from where is added from the context's caller.
// The actor that is given here wins, for acts like a login that make the caller known. Credential and session are those
// that were used; only where the caller used none of the kind are they what the act was about.
type Event struct {
	Type         Type
	Outcome      Outcome // empty: Success
	ActorUserID  uuid.UUID
	ActorEmail   string
	TargetUserID uuid.UUID
	CredentialID uuid.UUID
	SessionID    uuid.UUID
	Detail       string
}

// ErrNothingChanged is for the function given to Do: it rolls the transaction back, without an entry and without an error.
var ErrNothingChanged = errors.New("nothing changed")

// ErrUnaudited is what a write outside of Do fails with.
var ErrUnaudited = errors.New("audit: a write outside of audit.Log.Do")

// Log is the audit trail.
type Log struct {
	store  *store.Store
	checks checks
}

// Open returns the audit trail of the database and protects it: from here on, a write through Ent fails with
// ErrUnaudited unless it is made in the transaction of Do, or in that of Unaudited, with a reason.
func Open(s *store.Store) *Log {
	s.Use(func(next ent.Mutator) ent.Mutator {
		return ent.MutateFunc(func(ctx context.Context, m ent.Mutation) (ent.Value, error) {
			if !store.MayWrite(ctx) || !inTransaction(m) {
				return nil, fmt.Errorf("%w: %s of %s", ErrUnaudited, m.Op(), m.Type())
			}
			return next.Mutate(ctx, m)
		})
	})
	return &Log{store: s, checks: checks{known: map[shape]template{}}}
}

// inTransaction reports whether the mutation is a transaction's and not the client's own.
func inTransaction(m ent.Mutation) bool {
	of, ok := m.(interface{ Tx() (*db.Tx, error) })
	if !ok {
		return false
	}
	_, err := of.Tx()
	return err == nil
}

// Do runs change in a transaction and commits it together with the entry of the event that it returns: no entry, no
// change. The change may run more than once (see store.Store.Tx) and must write with the context that it is given.
//
// It fails with convert.ErrUnauthenticated if the caller's rights have ended meanwhile: once their end is acknowledged to
// somebody, no change is committed by them. A change that ends rights needs DoTo for that.
func (l *Log) Do(ctx context.Context, change func(ctx context.Context, tx *db.Tx) (Event, error)) error {
	return l.DoTo(ctx, uuid.Nil, change)
}

// DoTo is Do for a change that may end rights of the target, a user, who may be the caller. It waits until changes by those rights are
// committed.
func (l *Log) DoTo(ctx context.Context, target uuid.UUID, change func(ctx context.Context, tx *db.Tx) (Event, error)) error {
	return l.commit(ctx, func(ctx context.Context, tx *db.Tx) (Event, error) {
		if err := l.lockRights(ctx, tx, target); err != nil {
			return Event{}, err
		}
		if err := l.checkRights(ctx, tx); err != nil {
			return Event{}, err
		}
		return change(ctx, tx)
	})
}

func (l *Log) commit(ctx context.Context, change func(ctx context.Context, tx *db.Tx) (Event, error)) error {
	err := l.store.Tx(store.WithWrites(ctx), func(ctx context.Context, tx *db.Tx) error {
		event, err := change(ctx, tx)
		if err != nil {
			return err
		}
		return insert(ctx, tx, event)
	})
	switch {
	case errors.Is(err, ErrNothingChanged):
		return nil
	case store.IsNotMet(err):
		return convert.ErrUnauthenticated
	}
	return err
}

// Record writes the entry of an event that changed nothing, a refusal, even if ctx has ended.
func (l *Log) Record(ctx context.Context, event Event) error {
	return l.commit(context.WithoutCancel(ctx), func(context.Context, *db.Tx) (Event, error) { return event, nil })
}

// Refuse records that the caller was denied what detail says and returns the answer, or the error of recording it.
func (l *Log) Refuse(ctx context.Context, answer error, detail string) error {
	if err := l.Record(ctx, Event{Type: AccessDenied, Outcome: Denied, Detail: detail}); err != nil {
		return err
	}
	return answer
}

// Unaudited runs a write that needs no entry, for the reason.
func (l *Log) Unaudited(ctx context.Context, reason string, write func(ctx context.Context, tx *db.Tx) error) error {
	if err := l.store.Tx(store.WithWrites(ctx), write); err != nil {
		return fmt.Errorf("%s: %w", reason, err)
	}
	return nil
}

func insert(ctx context.Context, tx *db.Tx, e Event) error {
	c := caller.From(ctx)
	if e.ActorUserID == uuid.Nil {
		e.ActorUserID = c.UserID
	}
	if e.ActorEmail == "" {
		e.ActorEmail = c.Email
	}
	if c.CredentialID != uuid.Nil {
		e.CredentialID = c.CredentialID
	}
	if c.SessionID != uuid.Nil {
		e.SessionID = c.SessionID
	}
	if e.Outcome == "" {
		e.Outcome = Success
	}
	if err := errors.Join(auditentry.EventTypeValidator(string(e.Type)), auditentry.OutcomeValidator(string(e.Outcome))); err != nil {
		return err
	}
	err := store.Send(store.Vital(ctx), tx, insertEntry,
		auditentry.DefaultID(), string(e.Type), store.Now(), optional(e.ActorUserID), Fit(e.ActorEmail, schema.AuditEmailBytes),
		optional(e.TargetUserID), optional(e.CredentialID), optional(e.SessionID), Fit(c.Address(), schema.AuditIPBytes),
		Fit(c.UserAgent, schema.AuditUserAgentBytes), Fit(c.RequestID, schema.AuditRequestIDBytes), string(e.Outcome),
		Fit(e.Detail, schema.AuditDetailBytes))
	if err != nil {
		return fmt.Errorf("audit entry %s: %w", e.Type, err)
	}
	return nil
}

// insertEntry is written by hand since every change makes an entry, and Ent's builder takes longer over it than the database.
var insertEntry = "INSERT INTO " + auditentry.Table + " (" + strings.Join(auditentry.Columns, ", ") + ") VALUES " +
	store.Placeholders(1, 1, len(auditentry.Columns))

// optional returns the id for a column that may be NULL.
func optional(id uuid.UUID) any {
	if id == uuid.Nil {
		return nil
	}
	return id
}

// Fit makes untrusted text fit for a column of so many bytes: valid UTF-8 without NUL (which PostgreSQL rejects), cut on a
// rune boundary.
func Fit(s string, bytes int) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
	if len(s) <= bytes {
		return s
	}
	for bytes > 0 && !utf8.RuneStart(s[bytes]) {
		bytes--
	}
	return s[:bytes]
}
