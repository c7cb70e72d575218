package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"
)

// IdempotencyKey remembers what a call with an Idempotency-Key header made, in the same transaction as the thing itself,
// so that a retry after a lost reply finds it.
type IdempotencyKey struct{ ent.Schema }

func (IdempotencyKey) Fields() []ent.Field {
	return []ent.Field{
		field.String("id").MaxLen(64).Immutable().Comment("SHA-256 over caller, procedure and header, in hex."),
		field.String("request_hash").MaxLen(64).Immutable().Comment("SHA-256 of the request: the same key must mean the same request."),
		field.UUID("result_id", uuid.UUID{}).Immutable().Comment("Id of the user or credential that was made."),
		field.Time("created_at").Immutable().Default(now),
	}
}

func (IdempotencyKey) Indexes() []ent.Index {
	return []ent.Index{index.Fields("created_at")}
}
