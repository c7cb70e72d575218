package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
)

// Role is a named set of rights: admin or user. Its name is its id, so that reading a user's roles joins one table.
type Role struct{ ent.Schema }

func (Role) Fields() []ent.Field {
	return []ent.Field{
		field.String("id").MaxLen(32).Immutable(),
		field.String("description").MaxLen(255).Default(""),
		models(),
	}
}

func (Role) Edges() []ent.Edge {
	return []ent.Edge{edge.From("users", User.Type).Ref("roles").Through("user_roles", UserRole.Type)}
}
