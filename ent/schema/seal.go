package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/field"
	"github.com/google/uuid"
)

// Seal is where sealing the audit trail has come to: one row, which whoever seals must change from the size that it has read. A second
// one is the newest checkpoint that the witness has cosigned, if there is a witness.
type Seal struct{ ent.Schema }

func (Seal) Fields() []ent.Field {
	return []ent.Field{
		field.String("id").MaxLen(16).Immutable().Comment("audit, or witness."),
		field.Int64("size").Comment("How many entries are sealed."),
		field.Text("checkpoint").Comment("The signed note of that size; empty before the first."),
		field.Time("sealed_at"),
		field.UUID("holder", uuid.UUID{}).Comment("The process whose turn it is."),
		field.Time("held_until"),
		field.Int64("verified_size").Comment("How many entries were found unchanged by the last check of all."),
		field.Time("verified_at").Optional().Nillable(),
		field.Text("fault").Comment("What that check has found, or how the witness disputes the seal; empty: nothing."),
	}
}
