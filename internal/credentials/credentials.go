// Package credentials issues, lists, rotates and revokes API keys.
package credentials

import (
	"context"
	"strings"
	"time"

	"entgo.io/ent/dialect/sql"
	"entgo.io/ent/dialect/sql/sqlgraph"
	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/ent/db/credential"
	"github.com/paddock-gate/paddock/ent/db/user"
	"github.com/paddock-gate/paddock/internal/audit"
	"github.com/paddock-gate/paddock/internal/caller"
	"github.com/paddock-gate/paddock/internal/fault"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/idempotency"
	"github.com/paddock-gate/paddock/internal/secret"
	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/wire"
)

// Service is the CredentialService.
type Service struct {
	store *store.Store
	log   *audit.Log
}

// New returns the service.
func New(s *store.Store, log *audit.Log) *Service { return &Service{store: s, log: log} }

// Another user's user or key is answered like one that does not exist.
var (
	errNoUser       = fault.NotFound("user")
	errNoCredential = fault.NotFound("credential")
)

// IssueApiKey implements paddock.v1.CredentialService.
func (s *Service) IssueApiKey(ctx context.Context, req *paddockv1.IssueApiKeyRequest) (*paddockv1.IssueApiKeyResponse, error) {
	owner, err := caller.From(ctx).Subject(req.GetUserId())
	if err != nil {
		return nil, errNoUser
	}
	label := strings.TrimSpace(req.GetLabel())
	if label == "" {
		return nil, fault.Invalid("label", "must say what the key is for")
	}
	var expires *time.Time
	if req.GetExpiresAt() != nil {
		t, err := wire.ParseTime("expires_at", req.GetExpiresAt())
		if err != nil {
			return nil, err
		}
		expires = &t
	}
	key := secret.NewKey()
	var made *db.Credential
	earlier, repeated, err := idempotency.Once(ctx, s.store.Client, req, func(remember idempotency.Remember) error {
		return s.log.Do(ctx, func(ctx context.Context, tx *db.Tx) (audit.Event, error) {
			var err error
			if made, err = insert(ctx, tx, owner, label, expires, key); err != nil {
				return audit.Event{}, err
			}
			return audit.Event{
				Type: audit.APIKeyIssued, TargetUserID: owner, CredentialID: made.ID, Detail: describe(made),
			}, remember(ctx, tx, made.ID)
		})
	})
	switch {
	case repeated:
		if made, err = s.own(ctx, earlier); err != nil {
			return nil, err
		}
		return &paddockv1.IssueApiKeyResponse{Credential: wire.Credential(made)}, nil
	case sqlgraph.IsForeignKeyConstraintError(err):
		return nil, errNoUser
	case err != nil:
		return nil, err
	}
	return &paddockv1.IssueApiKeyResponse{Credential: wire.Credential(made), Secret: key.String()}, nil
}

func insert(ctx context.Context, tx *db.Tx, owner uuid.UUID, label string, expires *time.Time, key secret.Key) (*db.Credential, error) {
	return tx.Credential.Create().
		SetUserID(owner).
		SetLabel(label).
		SetKeyID(key.ID).
		SetKeyHash(secret.HashKey(key)).
		SetNillableExpiresAt(expires).
		SetCreatedAt(store.Now()).
		Save(ctx)
}

// ListCredentials implements paddock.v1.CredentialService.
func (s *Service) ListCredentials(ctx context.Context, req *paddockv1.ListCredentialsRequest) (*paddockv1.ListCredentialsResponse, error) {
	owner, err := caller.From(ctx).Subject(req.GetUserId())
	if err != nil {
		return nil, errNoUser
	}
	rows, err := s.store.Credential.Query().
		Where(credential.UserID(owner)).
		Order(credential.ByCreatedAt(sql.OrderDesc()), credential.ByID(sql.OrderDesc())).
		Limit(credentialsListed).
		All(ctx)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		if ok, err := s.store.User.Query().Where(user.ID(owner)).Exist(ctx); err != nil {
			return nil, err
		} else if !ok {
			return nil, errNoUser
		}
	}
	m := &paddockv1.ListCredentialsResponse{}
	for _, row := range rows {
		m.Credentials = append(m.Credentials, wire.Credential(row))
	}
	return m, nil
}

// credentialsListed bounds the answer.
const credentialsListed = 1000

// RevokeCredential implements paddock.v1.CredentialService.
func (s *Service) RevokeCredential(ctx context.Context, req *paddockv1.RevokeCredentialRequest) (*paddockv1.RevokeCredentialResponse, error) {
	row, err := s.own(ctx, uuid.MustParse(req.GetId()))
	if err != nil {
		return nil, err
	}
	err = s.log.Do(ctx, func(ctx context.Context, tx *db.Tx) (audit.Event, error) {
		ended, err := revoke(ctx, tx, row)
		if err != nil {
			return audit.Event{}, err
		}
		if !ended {
			return audit.Event{}, audit.ErrNothingChanged
		}
		return audit.Event{
			Type: audit.APIKeyRevoked, TargetUserID: row.UserID, CredentialID: row.ID, Detail: describe(row),
		}, nil
	})
	if err != nil {
		return nil, err
	}
	return &paddockv1.RevokeCredentialResponse{}, nil
}

// RotateCredential implements paddock.v1.CredentialService.
func (s *Service) RotateCredential(ctx context.Context, req *paddockv1.RotateCredentialRequest) (*paddockv1.RotateCredentialResponse, error) {
	old, err := s.own(ctx, uuid.MustParse(req.GetId()))
	if err != nil {
		return nil, err
	}
	if old.ExpiresAt != nil && !store.Now().Before(*old.ExpiresAt) {
		return nil, errNoCredential
	}
	key := secret.NewKey()
	var made *db.Credential
	err = s.log.Do(ctx, func(ctx context.Context, tx *db.Tx) (audit.Event, error) {
		// The insert first: like all that is done to a user it locks their row before what hangs on it.
		var err error
		if made, err = insert(ctx, tx, old.UserID, old.Label, old.ExpiresAt, key); err != nil {
			return audit.Event{}, err
		}
		ended, err := revoke(ctx, tx, old)
		if err != nil {
			return audit.Event{}, err
		}
		if !ended {
			return audit.Event{}, errNoCredential
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
	return &paddockv1.RotateCredentialResponse{Credential: wire.Credential(made), Secret: key.String()}, nil
}

// own returns the credential if the caller may act for its user, and NOT_FOUND otherwise.
func (s *Service) own(ctx context.Context, id uuid.UUID) (*db.Credential, error) {
	row, err := s.store.Credential.Get(ctx, id)
	if db.IsNotFound(err) || err == nil && !caller.From(ctx).MayActFor(row.UserID) {
		return nil, errNoCredential
	}
	return row, err
}

// revoke ends the credential and tells whether it was still good.
func revoke(ctx context.Context, tx *db.Tx, row *db.Credential) (bool, error) {
	n, err := tx.Credential.Update().
		Where(credential.ID(row.ID), credential.RevokedAtIsNil()).
		SetRevokedAt(store.Now()).
		Save(ctx)
	return n == 1, err
}

func describe(c *db.Credential) string { return secret.Prefix(c.KeyID) + " " + c.Label }
