package credentials

import (
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
	err = s.log.DoTo(ctx, old.ID, func(ctx context.Context, tx *db.Tx) (audit.Event, error) {
		like := old
		byAnother := caller.From(ctx).CredentialID != uuid.Nil && caller.From(ctx).CredentialID != old.ID
		if byAnother {
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
		// Its models may have been narrowed since it was read. Now that it is revoked they stay as they are.
		if last, err := tx.Credential.Get(ctx, old.ID); err != nil {
			return audit.Event{}, err
		} else if made, err = limitTo(ctx, made, modelsWithin(last.Models, like.Models)); err != nil {
			return audit.Event{}, err
		}
		if byAnother {
			_, err = revokeIssued(ctx, tx, old.ID)
		} else {
			err = tx.Credential.Update().Where(credential.IssuedBy(old.ID)).SetIssuedBy(made.ID).Exec(ctx)
		}
		if err != nil {
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
