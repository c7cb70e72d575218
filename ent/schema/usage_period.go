package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"
)

// UsagePeriod sums up a user's usage in one day or month, and what running calls have reserved of it.
type UsagePeriod struct{ ent.Schema }

func (UsagePeriod) Fields() []ent.Field {
	return []ent.Field{
		field.String("id").MaxLen(47).Immutable().Comment("user_id/period."),
		field.UUID("user_id", uuid.UUID{}).Immutable(),
		field.String("period").MaxLen(10).Immutable().Comment("2026-11-22 or 2026-11, UTC."),
		field.Int64("requests").Default(0),
		field.Int64("used").Default(0).Comment("Tokens, settled."),
		field.Int64("reserved").Default(0).Comment("Tokens, for running calls."),
	}
}

func (UsagePeriod) Indexes() []ent.Index {
	return []ent.Index{index.Fields("period")}
}
