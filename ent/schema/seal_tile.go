package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/field"
)

// SealTile is up to 256 neighbours in the Merkle tree over the audit trail: their hashes, or on the level "e" the ids of the
// entries in the order in which they were sealed.
type SealTile struct{ ent.Schema }

func (SealTile) Fields() []ent.Field {
	return []ent.Field{
		field.String("id").MaxLen(32).Immutable().Comment("level/number, the number with 12 digits."),
		field.Bytes("data").Comment("32 bytes for each hash, 16 for each id."),
	}
}
