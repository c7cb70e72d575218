package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"

	"entgo.io/ent/dialect/entsql"
)

// User is an account: a person or a service.
type User struct{ ent.Schema }

func (User) Fields() []ent.Field {
	return []ent.Field{
		id(),
		field.String("email").MaxLen(254).Unique().
			Comment("Login name, normalised by package email: the same verdict on both databases."),
		field.String("display_name").MaxLen(800).Default(""),
		field.String("external_id").MaxLen(800).Optional().Nillable().Unique().
			Comment("The user's id in the system that created them; makes the creation idempotent."),
		field.Text("search").Default("").
			Comment("Email, display name and external id in lower case, by Go: SQLite would fold ASCII alone."),
		field.Bool("active").Default(true),
		field.String("password_hash").MaxLen(255).Default("").Sensitive().
			Comment("PHC string; empty: no password. Kept here and not among the credentials, so that no key can ever serve as a password."),
		field.Int64("tokens_per_day").Optional().Nillable().Comment("Quota; absent: the default."),
		field.Int64("tokens_per_month").Optional().Nillable().Comment("Quota; absent: the default."),
		field.Int32("requests_per_minute").Optional().Nillable().Comment("Limit; absent: the default."),
		field.Time("created_at").Immutable().Default(now),
		field.Time("updated_at").Default(now).UpdateDefault(now),
		field.Time("last_login_at").Optional().Nillable(),
	}
}

func (User) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("roles", Role.Type).Through("user_roles", UserRole.Type),
		edge.To("credentials", Credential.Type).Annotations(entsql.OnDelete(entsql.Cascade)),
		edge.To("sessions", Session.Type).Annotations(entsql.OnDelete(entsql.Cascade)),
	}
}

func (User) Indexes() []ent.Index {
	return []ent.Index{index.Fields("created_at", "id"), index.Fields("active", "created_at", "id")}
}
