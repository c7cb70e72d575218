// Package schema is Paddock's database schema: one file per table. After a change run `make generate` and
// `make migration name=what_changed`.
package schema

import (
	"time"

	"entgo.io/ent"
	"entgo.io/ent/schema/field"
	"github.com/google/uuid"
)

// id is the primary key of every table that has no natural one: a UUIDv7 (RFC 9562), so that ids sort by creation.
func id() ent.Field {
	return field.UUID("id", uuid.UUID{}).Immutable().Default(func() uuid.UUID { return uuid.Must(uuid.NewV7()) })
}

// now is the time as both databases keep it: UTC, to the microsecond. SQLite would keep nanoseconds and PostgreSQL
// would round them, so that the same instant would compare differently.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// models is the allow-list of a role or an API key: canonical names, one a line. Absent: all models; empty: none.
func models() ent.Field { return field.Text("models").Optional().Nillable() }
