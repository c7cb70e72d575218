// Package stmt is what holds for a statement on either database: how long it may take, and what its context says of it.
package stmt

import (
	"context"
	"time"
)

const (
	// Timeout bounds one statement, client and server alike.
	Timeout = 5 * time.Second
	// AcquireTimeout bounds the wait for a connection, so that callers learn within 2 s that the database is away.
	AcquireTimeout = time.Second
	// GroupSize bounds how many transactions share a commit, and so how much one failed commit can take along.
	GroupSize = 64

	promptTimeout = 1500 * time.Millisecond
)

// Patient returns a context of the statement's own: it lasts for Timeout, whether or not the client that asked
// is still there. Statements are short, and pgx closes a connection whose query is cancelled; the reconnects would
// snowball just when many clients give up at once.
func Patient(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), Timeout)
}

// Prompt is Patient for a read outside of a transaction, with which every call begins: a database that has frozen, as well
// as one that is gone, is to be told within 2 s. Slow makes an exception.
func Prompt(ctx context.Context) (context.Context, context.CancelFunc) {
	limit := promptTimeout
	if ctx.Value(slow{}) != nil {
		limit = Timeout
	}
	return context.WithTimeout(context.WithoutCancel(ctx), limit)
}

type (
	slow       struct{}
	vital      struct{}
	unanswered struct{}
	alone      struct{}
	sumsOnly   struct{}
)

// Slow returns a context for which Prompt allows as much time as Patient.
func Slow(ctx context.Context) context.Context { return context.WithValue(ctx, slow{}, true) }

// Vital returns a context for a statement that nothing in a call makes fail.
func Vital(ctx context.Context) context.Context { return context.WithValue(ctx, vital{}, true) }

// IsVital reports whether the context is one of Vital.
func IsVital(ctx context.Context) bool { return ctx.Value(vital{}) != nil }

// Unanswered returns a context for a statement of which only the error counts.
func Unanswered(ctx context.Context) context.Context {
	return context.WithValue(ctx, unanswered{}, true)
}

// IsUnanswered reports whether the context is one of Unanswered.
func IsUnanswered(ctx context.Context) bool { return ctx.Value(unanswered{}) != nil }

// Alone returns a context for a statement whose transaction shares its commit with no other.
func Alone(ctx context.Context) context.Context { return context.WithValue(ctx, alone{}, true) }

// IsAlone reports whether the context is one of Alone.
func IsAlone(ctx context.Context) bool { return ctx.Value(alone{}) != nil }

// SumsOnly returns a context for a transaction that changes neither users, roles, keys nor sessions.
func SumsOnly(ctx context.Context) context.Context { return context.WithValue(ctx, sumsOnly{}, true) }

// IsSumsOnly reports whether the context is one of SumsOnly.
func IsSumsOnly(ctx context.Context) bool { return ctx.Value(sumsOnly{}) != nil }
