package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"
)

// AuditEntry is one recorded event. Everything in it is by value and nothing refers to another table, so that deleting a
// user changes no entry; triggers in the migrations refuse to change one, and to delete one that is not archived and old.
type AuditEntry struct{ ent.Schema }

// The widths of an entry's texts in bytes; audit cuts what is longer before the insert.
const (
	AuditEmailBytes     = 254
	AuditIPBytes        = 64
	AuditUserAgentBytes = 512
	AuditRequestIDBytes = 128
	AuditDetailBytes    = 1024
)

func (AuditEntry) Fields() []ent.Field {
	return []ent.Field{
		id(),
		field.String("event_type").MaxLen(64).Immutable(),
		field.Time("occurred_at").Immutable(),
		field.UUID("actor_user_id", uuid.UUID{}).Optional().Nillable().Immutable(),
		field.String("actor_email").MaxLen(AuditEmailBytes).Immutable(),
		field.UUID("target_user_id", uuid.UUID{}).Optional().Nillable().Immutable(),
		field.UUID("credential_id", uuid.UUID{}).Optional().Nillable().Immutable(),
		field.UUID("session_id", uuid.UUID{}).Optional().Nillable().Immutable(),
		field.String("ip").MaxLen(AuditIPBytes).Immutable(),
		field.String("user_agent").MaxLen(AuditUserAgentBytes).Immutable(),
		field.String("request_id").MaxLen(AuditRequestIDBytes).Immutable(),
		field.String("outcome").MaxLen(16).Immutable(),
		field.String("detail").MaxLen(AuditDetailBytes).Immutable(),
	}
}

func (AuditEntry) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("occurred_at", "id"),
		index.Fields("event_type", "outcome", "occurred_at", "id"),
		index.Fields("actor_user_id", "occurred_at", "id"),
		index.Fields("target_user_id", "occurred_at", "id"),
	}
}
