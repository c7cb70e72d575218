package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/field"
)

// Replica is a running server. One that has not been seen for a while has died, and others settle its reservations.
type Replica struct{ ent.Schema }

func (Replica) Fields() []ent.Field {
	return []ent.Field{id(), field.Time("seen_at")}
}
