package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"
)

// UsageRecord is what one admitted model call cost. Its id is its reservation's, so that a call is settled once. By value,
// like audit entries: it outlives user and key.
type UsageRecord struct{ ent.Schema }

func (UsageRecord) Fields() []ent.Field {
	return []ent.Field{
		id(),
		field.UUID("user_id", uuid.UUID{}).Immutable(),
		field.UUID("credential_id", uuid.UUID{}).Optional().Nillable().Immutable(),
		field.UUID("session_id", uuid.UUID{}).Optional().Nillable().Immutable(),
		field.String("kind").MaxLen(16).Immutable().Comment("chat, generate or embed."),
		field.String("model").MaxLen(256).Immutable().Comment("Canonical name."),
		field.Int64("prompt_tokens").Immutable(),
		field.Int64("completion_tokens").Immutable(),
		field.Int64("duration_ms").Immutable(),
		field.String("outcome").MaxLen(16).Immutable().Comment("ok, aborted or failed."),
		field.Bool("estimated").Immutable(),
		field.String("day").MaxLen(10).Immutable().Comment("2026-11-22, UTC: when the call was admitted."),
		field.Time("started_at").Immutable(),
	}
}

func (UsageRecord) Indexes() []ent.Index {
	return []ent.Index{index.Fields("user_id", "started_at"), index.Fields("started_at")}
}
