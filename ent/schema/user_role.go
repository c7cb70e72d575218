package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"
)

// UserRole is a user's role. It is spelled out for the sake of its second index: who has a role is found without reading
// all users.
type UserRole struct{ ent.Schema }

func (UserRole) Annotations() []schema.Annotation {
	return []schema.Annotation{field.ID("user_id", "role_id"), entsql.Table("user_roles")}
}

func (UserRole) Fields() []ent.Field {
	return []ent.Field{field.UUID("user_id", uuid.UUID{}), field.String("role_id").MaxLen(32)}
}

func (UserRole) Edges() []ent.Edge {
	cascade := entsql.OnDelete(entsql.Cascade)
	return []ent.Edge{
		edge.To("user", User.Type).Field("user_id").Unique().Required().
			StorageKey(edge.Symbol("user_roles_user_id")).Annotations(cascade),
		edge.To("role", Role.Type).Field("role_id").Unique().Required().
			StorageKey(edge.Symbol("user_roles_role_id")).Annotations(cascade),
	}
}

func (UserRole) Indexes() []ent.Index { return []ent.Index{index.Fields("role_id", "user_id")} }
