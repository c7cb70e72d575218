package credentials

import (
	"context"

	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/ent/db/credential"
	"github.com/paddock-gate/paddock/internal/caller"
)

// A key that is issued or rotated with a key may do no more than that one, does not outlive it, and is revoked with it:
// otherwise a key that leaks could make itself permanent.

// within returns the credential cut to what the caller's API key may do; as it is, if the caller has none.
func (s *Service) within(ctx context.Context, tx *db.Tx, wanted db.Credential) (*db.Credential, error) {
	id := caller.From(ctx).CredentialID
	if id == uuid.Nil {
		return &wanted, nil
	}
	issuer, err := s.locked(ctx, tx, id)
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

// locked returns the credential as it stays until the commit: whoever changes it meanwhile waits, and then finds what this
// transaction has made.
func (s *Service) locked(ctx context.Context, tx *db.Tx, id uuid.UUID) (*db.Credential, error) {
	q := tx.Credential.Query().Where(credential.ID(id))
	if !s.store.Embedded() {
		q.ForShare()
	}
	return q.Only(ctx)
}

func modelsWithin(models, limit *string) *string {
	return caller.ParseModels(models).Within(caller.ParseModels(limit)).Column()
}

// setModels sets the list of models of the key, within that of its issuer, and takes from the keys that it has issued what they may
// no longer have. The issuer is locked before the key, and the key before those that it has issued, by everybody. It returns the key as
// it was and as it is.
func (s *Service) setModels(ctx context.Context, tx *db.Tx, id uuid.UUID, models *string) (before, after *db.Credential, err error) {
	row, err := tx.Credential.Get(ctx, id)
	if db.IsNotFound(err) { // its user was deleted
		err = errNoCredential
	}
	if err != nil {
		return nil, nil, err
	}
	q := tx.Credential.Query().Where(credential.ID(id), credential.RevokedAtIsNil())
	if row.IssuedBy != nil {
		issuer, err := s.locked(ctx, tx, *row.IssuedBy)
		switch {
		case db.IsNotFound(err): // its user was deleted, and this key is revoked
			return nil, nil, errNoCredential
		case err != nil:
			return nil, nil, err
		}
		models = modelsWithin(models, issuer.Models)
		q.Where(credential.IssuedBy(*row.IssuedBy)) // which a rotation may have changed
	}
	if !s.store.Embedded() {
		q.ForUpdate()
	}
	before, err = q.Only(ctx)
	if db.IsNotFound(err) {
		err = errNoCredential
	}
	if err != nil {
		return nil, nil, err
	}
	if after, err = limitTo(ctx, before, models); err != nil {
		return nil, nil, err
	}
	return before, after, s.narrowIssued(ctx, tx, after)
}

// narrowIssued takes from the keys that were issued by the key, or by one of those, what their issuers may not use. The key must be
// locked.
func (s *Service) narrowIssued(ctx context.Context, tx *db.Tx, issuer *db.Credential) error {
	seen := map[uuid.UUID]*db.Credential{issuer.ID: issuer}
	for issuers := []uuid.UUID{issuer.ID}; ; {
		q := tx.Credential.Query().Where(credential.IssuedByIn(issuers...), credential.IDNotIn(issuers...), credential.RevokedAtIsNil()).Order(credential.ByID())
		if !s.store.Embedded() {
			q.ForUpdate() // waits for those who issue or rotate with them; what they have made is found in the next round
		}
		issued, err := q.All(ctx)
		if err != nil || len(issued) == 0 {
			return err
		}
		for _, c := range issued {
			if c, err = limitTo(ctx, c, modelsWithin(c.Models, seen[*c.IssuedBy].Models)); err != nil {
				return err
			}
			seen[c.ID] = c
			issuers = append(issuers, c.ID)
		}
	}
}
