package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"
)

// Credential is an API key.
type Credential struct{ ent.Schema }

func (Credential) Fields() []ent.Field {
	return []ent.Field{
		id(),
		field.UUID("user_id", uuid.UUID{}).Immutable(),
		field.String("label").MaxLen(400).Immutable().Comment("What the key is for; inert text."),
		field.String("key_id").MaxLen(32).Unique().Immutable().Comment("The public handle in the key, by which it is found."),
		field.String("key_hash").MaxLen(255).Immutable().Sensitive().Comment("PHC string of the key's secret."),
		models(),
		field.UUID("issued_by", uuid.UUID{}).Optional().Nillable().
			Comment("The API key by which this one was issued, and with which it is revoked; by value."),
		field.Time("created_at").Immutable().Default(now),
		field.Time("expires_at").Optional().Nillable().Immutable(),
		field.Time("last_used_at").Optional().Nillable().Comment("To the minute."),
		field.Time("revoked_at").Optional().Nillable(),
	}
}

func (Credential) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("user", User.Type).Ref("credentials").Field("user_id").Unique().Required().Immutable(),
	}
}

func (Credential) Indexes() []ent.Index {
	return []ent.Index{index.Fields("user_id"), index.Fields("expires_at"), index.Fields("issued_by")}
}
