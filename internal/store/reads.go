package store

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	entsql "entgo.io/ent/dialect/sql"

	"github.com/paddock-gate/paddock/internal/coalesce"
)

// readsAtOnce is how many reads of a kind may be running. The fewer, the more calls share one.
const readsAtOnce = 2

// NewReads returns reads of rows by key that calls share. Of the embedded database, whose only writer is this process, rows are
// remembered until a transaction is committed.
func NewReads[K comparable, V any](s *Store, load func(ctx context.Context, keys []K) (map[K]V, error)) *coalesce.Reads[K, V] {
	r := &coalesce.Reads[K, V]{
		Load: load, AtOnce: readsAtOnce,
		Final: func(err error) bool { return errors.Is(err, ErrAway) }, // calls that wait fail at once
	}
	if s.Embedded() {
		r.Version = s.version.Load
	}
	return r
}

type sumsOnly struct{}

// SumsOnly returns a context for a transaction of the ledger, which commits all the time and changes no row that is read by
// NewReads: what is remembered of those stays.
func SumsOnly(ctx context.Context) context.Context { return context.WithValue(ctx, sumsOnly{}, true) }

// IsAmong returns an Ent predicate that says the same as Among, for a column of the table that is selected from. Lists of any length are
// one statement, which stays prepared.
func (s *Store) IsAmong(column string, values any) func(*entsql.Selector) {
	condition, arg := s.Among("", values)
	before, after, _ := strings.Cut(condition, "$1")
	return func(selector *entsql.Selector) {
		selector.Where(entsql.P(func(b *entsql.Builder) {
			b.Ident(selector.C(column)).WriteString(before)
			b.Arg(arg).WriteString(after)
		}))
	}
}

// Among returns the condition that the column has one of the values, a slice of strings or UUIDs, and the argument that it has as $1.
func (s *Store) Among(column string, values any) (condition string, arg any) {
	if !s.Embedded() {
		return column + " = ANY($1)", values
	}
	list, _ := json.Marshal(values) //nolint:errchkjson // of texts
	return column + " IN (SELECT value FROM json_each($1))", string(list)
}
