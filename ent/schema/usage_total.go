package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
)

// UsageTotal sums up a day's usage records of all users, by the same trigger as UsageDay. On PostgreSQL it is spread over
// rows by connection, since replicas that settle calls at the same time would wait for a single one.
type UsageTotal struct{ ent.Schema }

func (UsageTotal) Fields() []ent.Field {
	return []ent.Field{
		field.String("id").MaxLen(16).Immutable().Comment("day/slot."),
		field.String("day").MaxLen(10).Immutable().Comment("2026-11-22, UTC."),
		field.Int("slot").Immutable(),
		field.Int64("requests"),
		field.Int64("tokens"),
	}
}

func (UsageTotal) Indexes() []ent.Index { return []ent.Index{index.Fields("day")} }
