package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/field"
	"github.com/google/uuid"
)

// Reservation is a model call that has been admitted and not yet settled, with all that another replica needs to settle
// it when the call's own has died; or what a replica has reserved ahead of calls, of the kind "lease".
type Reservation struct{ ent.Schema }

func (Reservation) Fields() []ent.Field {
	return []ent.Field{
		id(),
		field.UUID("replica_id", uuid.UUID{}).Immutable(),
		field.UUID("user_id", uuid.UUID{}).Immutable(),
		field.UUID("credential_id", uuid.UUID{}).Optional().Nillable().Immutable(),
		field.UUID("session_id", uuid.UUID{}).Optional().Nillable().Immutable(),
		field.String("kind").MaxLen(16).Immutable(),
		field.String("model").MaxLen(256).Immutable(),
		field.Int64("prompt_tokens").Immutable().Comment("Estimated."),
		field.Int64("reserved").Comment("Tokens held in the day and the month of started_at; 0: the user has no quota. A lease's change."),
		field.Int64("produced").Default(0).Comment("Completion tokens at the last checkpoint."),
		field.Time("started_at").Immutable(),
	}
}
