package credentials

import (
	"cmp"
	"context"

	"connectrpc.com/connect"
	"entgo.io/ent/dialect/sql/sqlgraph"
	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/ent/db/credential"
	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/audit"
	"github.com/paddock-gate/paddock/internal/caller"
	"github.com/paddock-gate/paddock/internal/convert"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/secret"
	"github.com/paddock-gate/paddock/internal/store"
)

var errOnlyItself = apierr.New(connect.CodePermissionDenied, apierr.AccessDenied, "an API key with a list of models can rotate only itself")

// RotateCredential implements paddock.v1.CredentialService.
func (s *Service) RotateCredential(ctx context.Context, req *paddockv1.RotateCredentialRequest) (*paddockv1.RotateCredentialResponse, error) {
	old, err := s.own(ctx, uuid.MustParse(req.GetId()))
	if err != nil {
		return nil, err
	}
	if c := caller.From(ctx); c.KeyModels != nil && c.CredentialID != old.ID { // which may be one that may do more
		return nil, s.log.Refuse(ctx, errOnlyItself, "CredentialService.RotateCredential: "+describe(old))
	}
	if !convert.IsLiveKey(old, store.Now()) {
		return nil, errNoCredential
	}
	key := secret.NewKey()
	var made *db.Credential
	err = s.log.DoTo(ctx, old.UserID, func(ctx context.Context, tx *db.Tx) (audit.Event, error) {
		like := old
		by := caller.From(ctx).CredentialID
		if by != uuid.Nil && by != old.ID {
			var err error
			if like, err = s.within(ctx, tx, *old); err != nil {
				return audit.Event{}, err
			}
		}
		// The insert comes first: like every change to a user it locks their row before rows that refer to it.
		var err error
		if made, err = insert(ctx, tx, like, key); err != nil {
			return audit.Event{}, err
		}
		ended, err := revoke(ctx, tx, old)
		if err != nil {
			return audit.Event{}, err
		}
		if !ended {
			return audit.Event{}, errNoCredential
		}
		if made, err = s.succeed(ctx, tx, made, old.ID, like); err != nil {
			return audit.Event{}, err
		}
		return audit.Event{
			Type: audit.APIKeyRotated, TargetUserID: old.UserID, CredentialID: made.ID,
			Detail: describe(old) + " replaced by " + secret.Prefix(made.KeyID),
		}, nil
	})
	if sqlgraph.IsForeignKeyConstraintError(err) {
		return nil, errNoCredential
	}
	if err != nil {
		return nil, err
	}
	return &paddockv1.RotateCredentialResponse{Credential: convert.Credential(made), Secret: key.String()}, nil
}

// succeed completes the key that was made in the place of old, which is revoked and stays as it is now. like is what made was made
// like. A key that rotates itself keeps those that it has issued; otherwise they are revoked with it, since it may have leaked.
func (s *Service) succeed(ctx context.Context, tx *db.Tx, made *db.Credential, old uuid.UUID, like *db.Credential) (*db.Credential, error) {
	last, err := tx.Credential.Get(ctx, old) // its models may have been narrowed, and its issuer rotated, since it was read
	if err != nil {
		return nil, err
	}
	if made, err = limitTo(ctx, made, modelsWithin(last.Models, like.Models)); err != nil {
		return nil, err
	}
	by := caller.From(ctx).CredentialID
	if by == old || by == uuid.Nil {
		if last.IssuedBy != nil {
			made, err = made.Update().SetIssuedBy(*last.IssuedBy).Save(ctx)
		}
	}
	if err != nil {
		return nil, err
	}
	if by == old {
		return made, tx.Credential.Update().Where(credential.IssuedBy(old)).SetIssuedBy(made.ID).Exec(ctx)
	}
	if _, err := convert.RevokeIssued(ctx, tx, old); err != nil {
		return nil, err
	}
	if own, err := tx.Credential.Query().Where(credential.ID(made.ID), credential.RevokedAtIsNil()).Exist(ctx); err != nil || !own {
		return nil, cmp.Or(err, error(errOnlyItself)) // the caller's key was issued by the one that it rotates
	}
	return made, nil
}
