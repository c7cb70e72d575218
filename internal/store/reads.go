package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	entsql "entgo.io/ent/dialect/sql"

	"github.com/paddock-gate/paddock/internal/coalesce"
	"github.com/paddock-gate/paddock/internal/store/sqlite"
	"github.com/paddock-gate/paddock/internal/store/stmt"
)

// readsAtOnce is how many reads of a kind may be running. The fewer, the more calls share one.
const readsAtOnce = 1

// readPatience tells a read that has failed because its connection was gone from one that a database has not answered.
const readPatience = 500 * time.Millisecond

// NewReads returns reads of rows by key that calls share. Of the embedded database, whose only writer is this process, rows are
// remembered until a transaction is committed, unless that is one of SumsOnly: who reads what those change must set another Version.
func NewReads[K comparable, V any](s *Store, load func(ctx context.Context, keys []K) (map[K]V, error)) *coalesce.Reads[K, V] {
	r := &coalesce.Reads[K, V]{
		Load: load, AtOnce: readsAtOnce,
		// If the database does not answer, the calls that wait fail at once.
		Final: func(err error) bool { return errors.Is(err, ErrAway) }, Patience: readPatience,
	}
	if s.Embedded() {
		r.Version = s.sqlite.Version
	}
	return r
}

// SumsOnly returns a context for a transaction that changes neither users, roles, keys nor sessions: what NewReads remembers stays. It
// is for what commits all the time: the ledger, and the probe of Writable.
func SumsOnly(ctx context.Context) context.Context { return stmt.SumsOnly(ctx) }

// Among returns the condition that the column has one of the values, of which there must be some and which are $first and so on, and
// the arguments for it. The lists of many lengths are few statements, which stay prepared. PostgreSQL plans them once, as it does not
// with an array: it would expect more of a plan for just this array each time.
func Among[V any](s *Store, column string, first int, values []V) (condition string, args []any) {
	n := 1
	for n < len(values) {
		n *= 2
	}
	switch {
	case n <= mostSpelled:
		args = make([]any, n)
		for i := range args {
			args[i] = values[min(i, len(values)-1)] // the last one as often as there is room
		}
		return column + " IN " + Placeholders(first, 1, n), args
	case s.Embedded():
		list, _ := json.Marshal(values) //nolint:errchkjson // of texts
		return fmt.Sprintf("%s IN (SELECT value FROM json_each($%d))", column, first), []any{string(list)}
	}
	return fmt.Sprintf("%s = ANY($%d)", column, first), []any{values}
}

// mostSpelled is how many values Among spells out.
const mostSpelled = 64

// IsAmong returns an Ent predicate that says the same as Among, for a column of the table that is selected from.
func IsAmong[V any](s *Store, column string, values []V) func(*entsql.Selector) {
	return func(selector *entsql.Selector) {
		if len(values) == 0 {
			selector.Where(entsql.False())
			return
		}
		selector.Where(entsql.P(func(b *entsql.Builder) {
			condition, args := Among(s, "", 1, values)
			b.Ident(selector.C(column))
			for _, arg := range args {
				before, after, _ := strings.Cut(condition, "$")
				b.WriteString(before)
				b.Arg(arg)
				condition = strings.TrimLeft(after, "0123456789")
			}
			b.WriteString(condition)
		}))
	}
}

// PlainTimes returns an Ent predicate that limits nothing: it makes the times in the given columns cheaper to read where that costs
// much, for lists. It must come before those that add to what is selected.
func PlainTimes(s *Store, columns ...string) func(*entsql.Selector) {
	return func(selector *entsql.Selector) {
		if s.Embedded() {
			sqlite.PlainTimes(selector, columns...)
		}
	}
}
