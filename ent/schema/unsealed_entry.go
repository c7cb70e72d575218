package schema

import "entgo.io/ent"

// UnsealedEntry is the id of an audit entry that waits to be sealed. A trigger on audit_entries adds it in the same transaction,
// whoever writes the entry, a replica of the release before included: so no entry is missed, whatever the order of commits.
type UnsealedEntry struct{ ent.Schema }

func (UnsealedEntry) Fields() []ent.Field { return []ent.Field{id()} }
