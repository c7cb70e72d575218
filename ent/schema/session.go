package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"
)

// Session is one sign-in of a user. It owns its refresh tokens: generation counts them, and refresh_salt goes into each,
// so that a leaked database alone makes none (see auth/refresh.go).
type Session struct{ ent.Schema }

func (Session) Fields() []ent.Field {
	return []ent.Field{
		id(),
		field.UUID("user_id", uuid.UUID{}).Immutable(),
		field.Bytes("refresh_salt").MaxLen(32).Immutable().Sensitive(),
		field.Int("generation").Default(0).Comment("Number of the refresh token that is good now."),
		field.Time("rotated_at").Default(now).Comment("When that refresh token was made."),
		field.Time("created_at").Immutable().Default(now),
		field.Time("last_seen_at").Default(now).Comment("To the minute."),
		field.Time("refresh_expires_at"),
		field.Time("expires_at").Immutable().Comment("The session ends here, refreshed or not."),
		field.Time("revoked_at").Optional().Nillable(),
		field.String("ip").MaxLen(64).Immutable(),
		field.String("user_agent").MaxLen(512).Immutable(),
	}
}

func (Session) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("user", User.Type).Ref("sessions").Field("user_id").Unique().Required().Immutable(),
	}
}

func (Session) Indexes() []ent.Index {
	return []ent.Index{index.Fields("user_id"), index.Fields("expires_at")}
}
