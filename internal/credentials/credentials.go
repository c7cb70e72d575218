// Package credentials issues, lists, rotates and revokes API keys.
package credentials

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"connectrpc.com/connect"
	"entgo.io/ent/dialect/sql"
	"entgo.io/ent/dialect/sql/sqlgraph"
	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/ent/db/credential"
	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/audit"
	"github.com/paddock-gate/paddock/internal/caller"
	"github.com/paddock-gate/paddock/internal/convert"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/idempotency"
	"github.com/paddock-gate/paddock/internal/secret"
	"github.com/paddock-gate/paddock/internal/store"
)

// Service is the CredentialService.
type Service struct {
	store *store.Store
	log   *audit.Log
}

// New returns the service.
func New(s *store.Store, log *audit.Log) *Service { return &Service{store: s, log: log} }

var errNoCredential = apierr.NotFound("credential")

// IssueApiKey implements paddock.v1.CredentialService.
func (s *Service) IssueApiKey(ctx context.Context, req *paddockv1.IssueApiKeyRequest) (*paddockv1.IssueApiKeyResponse, error) {
	owner, err := convert.Subject(ctx, req.GetUserId(), "CredentialService.IssueApiKey", s.log.Refuse)
	if err != nil {
		return nil, err
	}
	label := strings.TrimSpace(req.GetLabel())
	if label == "" {
		return nil, apierr.Invalid("label", "must say what the key is for")
	}
	var expires *time.Time
	if req.GetExpiresAt() != nil {
		t, err := convert.ParseTime("expires_at", req.GetExpiresAt())
		if err != nil {
			return nil, err
		}
		expires = &t
	}
	models, err := convert.ParseModels(req.GetModels())
	if err != nil {
		return nil, err
	}
	wanted := db.Credential{UserID: owner, Label: label, ExpiresAt: expires, Models: models}
	key := secret.NewKey()
	var made *db.Credential
	earlier, repeated, err := idempotency.Once(ctx, s.store.Client, req, func(remember idempotency.Remember) error {
		return s.log.Do(ctx, func(ctx context.Context, tx *db.Tx) (audit.Event, error) {
			like, err := s.within(ctx, tx, wanted)
			if err != nil {
				return audit.Event{}, err
			}
			if err := s.lockOwner(ctx, tx, owner); err != nil {
				return audit.Event{}, err
			}
			if made, err = insert(ctx, tx, like, key); err != nil {
				return audit.Event{}, err
			}
			n, err := tx.Credential.Query().Where(credential.UserID(owner), credential.RevokedAtIsNil()).Count(ctx)
			if err != nil {
				return audit.Event{}, err
			}
			if n > maxKeys {
				return audit.Event{}, errTooManyKeys
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
		return &paddockv1.IssueApiKeyResponse{Credential: convert.Credential(made)}, nil
	case sqlgraph.IsForeignKeyConstraintError(err):
		return nil, convert.ErrNoUser
	case err != nil:
		return nil, err
	}
	return &paddockv1.IssueApiKeyResponse{Credential: convert.Credential(made), Secret: key.String()}, nil
}

// lockOwner has others who issue keys to the user wait until the commit, so that each counts those of all before it. SQLite has one
// writer at a time anyway.
func (s *Service) lockOwner(ctx context.Context, tx *db.Tx, owner uuid.UUID) error {
	if s.store.Embedded() {
		return nil
	}
	return store.Send(ctx, tx, `SELECT 1 FROM users WHERE id = $1 FOR NO KEY UPDATE`, owner)
}

// insert makes a copy of the credential with another key.
func insert(ctx context.Context, tx *db.Tx, like *db.Credential, key secret.Key) (*db.Credential, error) {
	return tx.Credential.Create().
		SetUserID(like.UserID).
		SetLabel(like.Label).
		SetNillableModels(like.Models).
		SetKeyID(key.ID).
		SetKeyHash(secret.HashKey(key)).
		SetNillableExpiresAt(like.ExpiresAt).
		SetNillableIssuedBy(like.IssuedBy).
		SetCreatedAt(store.Now()).
		Save(ctx)
}

// ListCredentials implements paddock.v1.CredentialService.
func (s *Service) ListCredentials(ctx context.Context, req *paddockv1.ListCredentialsRequest) (*paddockv1.ListCredentialsResponse, error) {
	owner, err := convert.Subject(ctx, req.GetUserId(), "CredentialService.ListCredentials", s.log.Refuse)
	if err != nil {
		return nil, err
	}
	newest := s.store.Credential.Query().
		Where(credential.UserID(owner)).
		Order(credential.ByCreatedAt(sql.OrderDesc()), credential.ByID(sql.OrderDesc()))
	rows, err := newest.Clone().Where(credential.RevokedAtIsNil()).Limit(maxKeys).All(ctx)
	if err != nil {
		return nil, err
	}
	revoked, err := newest.Where(credential.RevokedAtNotNil()).Limit(revokedListed).All(ctx)
	if err != nil {
		return nil, err
	}
	rows = append(rows, revoked...)
	slices.SortFunc(rows, func(a, b *db.Credential) int {
		return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), bytes.Compare(b.ID[:], a.ID[:]))
	})
	if len(rows) == 0 {
		if err := convert.UserExists(ctx, s.store.User, owner); err != nil {
			return nil, err
		}
	}
	m := &paddockv1.ListCredentialsResponse{}
	for _, row := range rows {
		m.Credentials = append(m.Credentials, convert.Credential(row))
	}
	return m, nil
}

// Keys that a user may have, expired ones included, so that all can be listed, and revoked ones that are listed with them.
const (
	maxKeys       = 500
	revokedListed = 500
)

var errTooManyKeys = apierr.New(connect.CodeFailedPrecondition, apierr.InvalidArgument,
	fmt.Sprintf("the user has %d API keys; revoke some first", maxKeys))

// RevokeCredential implements paddock.v1.CredentialService.
func (s *Service) RevokeCredential(ctx context.Context, req *paddockv1.RevokeCredentialRequest) (*paddockv1.RevokeCredentialResponse, error) {
	row, err := s.own(ctx, uuid.MustParse(req.GetId()))
	if err != nil {
		return nil, err
	}
	err = s.log.DoTo(ctx, row.UserID, func(ctx context.Context, tx *db.Tx) (audit.Event, error) {
		ended, err := revoke(ctx, tx, row)
		if err != nil {
			return audit.Event{}, err
		}
		issued, err := convert.RevokeIssued(ctx, tx, row.ID)
		if err != nil {
			return audit.Event{}, err
		}
		if !ended && issued == 0 {
			return audit.Event{}, audit.ErrNothingChanged
		}
		detail := describe(row)
		if issued > 0 {
			detail += fmt.Sprintf(", with %d that it has issued", issued)
		}
		return audit.Event{Type: audit.APIKeyRevoked, TargetUserID: row.UserID, CredentialID: row.ID, Detail: detail}, nil
	})
	if err != nil {
		return nil, err
	}
	return &paddockv1.RevokeCredentialResponse{}, nil
}

// SetCredentialModels implements paddock.v1.CredentialService.
func (s *Service) SetCredentialModels(ctx context.Context, req *paddockv1.SetCredentialModelsRequest) (*paddockv1.SetCredentialModelsResponse, error) {
	models, err := convert.ParseModels(req.GetModels())
	if err != nil {
		return nil, err
	}
	row, err := s.own(ctx, uuid.MustParse(req.GetId()))
	if err != nil {
		return nil, err
	}
	var changed *db.Credential
	err = s.log.Do(ctx, func(ctx context.Context, tx *db.Tx) (audit.Event, error) {
		before, after, err := s.setModels(ctx, tx, row.ID, models)
		if err != nil {
			return audit.Event{}, err
		}
		changed = after
		return audit.Event{
			Type: audit.ModelsChanged, TargetUserID: row.UserID, CredentialID: row.ID,
			Detail: describe(row) + ": " + convert.DescribeModels(after.Models, before.Models),
		}, nil
	})
	if err != nil {
		return nil, err
	}
	return &paddockv1.SetCredentialModelsResponse{Credential: convert.Credential(changed)}, nil
}

// own returns the credential if the caller may act for its user, and NOT_FOUND otherwise.
func (s *Service) own(ctx context.Context, id uuid.UUID) (*db.Credential, error) {
	row, err := s.store.Credential.Get(ctx, id)
	if err == nil {
		err = caller.From(ctx).Owns(row.UserID)
	}
	return row, convert.NotTheirs(ctx, err, errNoCredential, "CredentialService: credential "+id.String(), s.log.Refuse)
}

// limitTo sets the list of models of the credential.
func limitTo(ctx context.Context, row *db.Credential, models *string) (*db.Credential, error) {
	switch has := row.Models; {
	case models == nil && has == nil, models != nil && has != nil && *models == *has:
		return row, nil
	case models == nil:
		return row.Update().ClearModels().Save(ctx)
	}
	return row.Update().SetModels(*models).Save(ctx)
}

// revoke revokes the credential and reports whether it had not been before.
func revoke(ctx context.Context, tx *db.Tx, row *db.Credential) (bool, error) {
	n, err := tx.Credential.Update().
		Where(credential.ID(row.ID), credential.RevokedAtIsNil()).
		SetRevokedAt(store.Now()).
		Save(ctx)
	return n == 1, err
}

func describe(c *db.Credential) string { return secret.Prefix(c.KeyID) + " " + c.Label }
