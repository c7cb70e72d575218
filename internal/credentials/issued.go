package credentials

import (
	"context"

	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/ent/db/credential"
	"github.com/paddock-gate/paddock/internal/caller"
	"github.com/paddock-gate/paddock/internal/store"
)

// A key that is issued or rotated with a key may do no more than that one, does not outlive it, and is revoked with it:
// otherwise a key that leaks could make itself permanent.

// within returns the credential cut to what the caller's API key may do; as it is, if the caller has none.
func (s *Service) within(ctx context.Context, tx *db.Tx, wanted db.Credential) (*db.Credential, error) {
	id := caller.From(ctx).CredentialID
	if id == uuid.Nil {
		return &wanted, nil
	}
	q := tx.Credential.Query().Where(credential.ID(id))
	if !s.store.Embedded() {
		q.ForShare() // whoever narrows it meanwhile waits, and finds this one
	}
	issuer, err := q.Only(ctx)
	if err != nil {
		return nil, err
	}
	wanted.IssuedBy = &issuer.ID
	wanted.Models = modelsWithin(wanted.Models, issuer.Models)
	if issuer.ExpiresAt != nil && (wanted.ExpiresAt == nil || issuer.ExpiresAt.Before(*wanted.ExpiresAt)) {
		wanted.ExpiresAt = issuer.ExpiresAt
	}
	return &wanted, nil
}

func modelsWithin(models, limit *string) *string {
	return caller.ParseModels(models).Within(caller.ParseModels(limit)).Column()
}

// issuedBy returns the keys that were issued by the key, or by one of those, and have not been revoked.
func issuedBy(ctx context.Context, tx *db.Tx, id uuid.UUID) ([]*db.Credential, error) {
	var all []*db.Credential
	for issuers := []uuid.UUID{id}; len(issuers) > 0; {
		issued, err := tx.Credential.Query().Where(credential.IssuedByIn(issuers...), credential.RevokedAtIsNil()).All(ctx)
		if err != nil {
			return nil, err
		}
		issuers = nil
		for _, c := range issued {
			issuers = append(issuers, c.ID)
		}
		all = append(all, issued...)
	}
	return all, nil
}

// revokeIssued revokes the keys that were issued by the key and returns how many it was.
func revokeIssued(ctx context.Context, tx *db.Tx, id uuid.UUID) (int, error) {
	issued, err := issuedBy(ctx, tx, id)
	if err != nil || len(issued) == 0 {
		return 0, err
	}
	var ids []uuid.UUID
	for _, c := range issued {
		ids = append(ids, c.ID)
	}
	return tx.Credential.Update().Where(credential.IDIn(ids...), credential.RevokedAtIsNil()).SetRevokedAt(store.Now()).Save(ctx)
}

// narrowIssued takes from the keys that were issued by the key what models does not allow.
func narrowIssued(ctx context.Context, tx *db.Tx, id uuid.UUID, models *string) error {
	issued, err := issuedBy(ctx, tx, id)
	if err != nil {
		return err
	}
	for _, c := range issued {
		if _, err := limitTo(ctx, c, modelsWithin(c.Models, models)); err != nil {
			return err
		}
	}
	return nil
}
