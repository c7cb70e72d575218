package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/field"
)

// RateBucket is the token bucket that all replicas take a user's requests from. Its id is the user's.
type RateBucket struct{ ent.Schema }

func (RateBucket) Fields() []ent.Field {
	return []ent.Field{
		id(),
		field.Float("tokens").Comment("At updated_us."),
		field.Int64("updated_us").Comment("Microseconds since 1970, so that both databases reckon with it alike."),
	}
}
