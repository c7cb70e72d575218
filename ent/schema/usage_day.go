package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"
)

// UsageDay sums up the usage records of a user, a day, a model and a credential. A trigger on usage_records adds each record
// as it is written, so that the sums are right whoever writes, a replica of the release before included. It outlives the
// records.
type UsageDay struct{ ent.Schema }

func (UsageDay) Fields() []ent.Field {
	return []ent.Field{
		field.String("id").MaxLen(350).Immutable().Comment("user_id/day/credential_id/model."),
		field.UUID("user_id", uuid.UUID{}).Immutable(),
		field.String("day").MaxLen(10).Immutable().Comment("2026-11-22, UTC: when the calls were admitted."),
		field.String("model").MaxLen(256).Immutable(),
		field.UUID("credential_id", uuid.UUID{}).Immutable().Comment("The nil UUID: a session."),
		field.Int64("requests"),
		field.Int64("prompt_tokens"),
		field.Int64("completion_tokens"),
		field.Int64("duration_ms"),
		field.Bool("estimated").Comment("Of any of the records."),
	}
}

func (UsageDay) Indexes() []ent.Index {
	return []ent.Index{index.Fields("user_id", "day")}
}
