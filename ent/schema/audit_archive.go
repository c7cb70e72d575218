package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/field"
	"github.com/google/uuid"
)

// AuditArchive says which sealed audit entries have been archived in a file. It is written once; triggers refuse to change or delete one,
// and let no audit entry be deleted that is not archived.
type AuditArchive struct{ ent.Schema }

func (AuditArchive) Fields() []ent.Field {
	return []ent.Field{
		field.String("id").MaxLen(16).Immutable().Comment("The position of its first entry, with 12 digits."),
		field.Int64("size").Immutable().Comment("The position after its last entry."),
		field.UUID("through", uuid.UUID{}).Immutable().Comment("When the archive was made, no entry up to this id was outside of one."),
		field.Text("record").Immutable().Comment("What was archived, as a signed note."),
		field.Time("archived_at").Immutable(),
	}
}
