// Package convert converts the database's rows to messages of the contract, and fields of requests to columns.
package convert

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/caller"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/ollama"
	"github.com/paddock-gate/paddock/internal/secret"
)

// User returns the message of a user that was read with its roles.
func User(u *db.User) *paddockv1.User {
	m := &paddockv1.User{
		Id:          u.ID.String(),
		Email:       u.Email,
		DisplayName: u.DisplayName,
		Active:      u.Active,
		Roles:       Roles(u),
		CreatedAt:   timestamppb.New(u.CreatedAt),
		UpdatedAt:   timestamppb.New(u.UpdatedAt),
		LastLoginAt: Time(u.LastLoginAt),
	}
	if u.ExternalID != nil {
		m.ExternalId = *u.ExternalID
	}
	return m
}

// Roles returns the names of the roles of a user that was read with them, sorted.
func Roles(u *db.User) []string {
	names := make([]string, len(u.Edges.Roles))
	for i, r := range u.Edges.Roles {
		names[i] = r.ID
	}
	slices.Sort(names)
	return names
}

// Quota returns the user's own quota; defaults are not applied.
func Quota(u *db.User) caller.Quota {
	return caller.Quota{TokensPerDay: u.TokensPerDay, TokensPerMonth: u.TokensPerMonth, RequestsPerMinute: u.RequestsPerMinute}
}

// Credential returns the message of an API key.
func Credential(c *db.Credential) *paddockv1.Credential {
	return &paddockv1.Credential{
		Id:         c.ID.String(),
		UserId:     c.UserID.String(),
		Label:      c.Label,
		Prefix:     secret.Prefix(c.KeyID),
		CreatedAt:  timestamppb.New(c.CreatedAt),
		ExpiresAt:  Time(c.ExpiresAt),
		LastUsedAt: Time(c.LastUsedAt),
		RevokedAt:  Time(c.RevokedAt),
		Models:     Models(c.Models),
		IssuedBy:   ID(c.IssuedBy),
	}
}

// Models returns the message of an allow-list as the database keeps it.
func Models(column *string) *paddockv1.ModelList {
	if column == nil {
		return nil
	}
	return &paddockv1.ModelList{Names: caller.ParseModels(column)}
}

// ParseModels returns the allow-list as the database keeps it: canonical names, sorted, each once.
func ParseModels(m *paddockv1.ModelList) (*string, error) {
	if m == nil {
		return nil, nil
	}
	list := caller.Models{}
	for i, name := range m.GetNames() {
		canonical, err := ollama.Canonical(name)
		if err != nil {
			return nil, apierr.Invalid(fmt.Sprintf("models.names[%d]", i), "is no model name")
		}
		list = append(list, canonical)
	}
	slices.Sort(list)
	return slices.Compact(list).Column(), nil
}

// DescribeModels describes a change of an allow-list: both lists, or, where that would be too long for an audit entry, the
// difference.
func DescribeModels(now, before *string) string {
	const most = 800 // bytes
	both := describeModels(now) + "; before: " + describeModels(before)
	if len(both) <= most {
		return both
	}
	is, was := caller.ParseModels(now), caller.ParseModels(before)
	return fmt.Sprintf("%d listed, %d before; added: %s; removed: %s", len(is), len(was), without(is, was), without(was, is))
}

func describeModels(column *string) string {
	switch {
	case column == nil:
		return "all models"
	case *column == "":
		return "no model"
	}
	return strings.ReplaceAll(*column, "\n", ", ")
}

func without(some, others caller.Models) string {
	return strings.Join(slices.DeleteFunc(slices.Clone(some), func(name string) bool { return slices.Contains(others, name) }), ", ")
}

// Time returns the message of a time that may be absent.
func Time(t *time.Time) *timestamppb.Timestamp {
	if t == nil {
		return nil
	}
	return timestamppb.New(*t)
}

// ParseTime returns the time in the request's field, to the microsecond as the databases keep it. Times outside
// of the years 1 to 9999 are INVALID_ARGUMENT: JSON cannot express them, the binary encoding can, and the databases disagree.
func ParseTime(field string, t *timestamppb.Timestamp) (time.Time, error) {
	if err := t.CheckValid(); err != nil {
		return time.Time{}, apierr.Invalid(field, "must be a time of the years 1 to 9999")
	}
	return t.AsTime().Truncate(time.Microsecond), nil
}

// ID returns the text of an id that may be absent.
func ID(id *uuid.UUID) string {
	if id == nil {
		return ""
	}
	return id.String()
}
