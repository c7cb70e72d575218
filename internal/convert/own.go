package convert

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/ent/db/user"
	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/caller"
)

// What belongs to another user is answered like what does not exist, and the attempt is recorded.

// ErrNoUser is the answer for a user who does not exist, or whom the caller may not act for.
var ErrNoUser = apierr.NotFound("user")

// Refuse records that the caller was denied what detail says and returns the answer: audit.Log.Refuse, or audit.Noise.Refuse.
type Refuse func(ctx context.Context, answer error, detail string) error

// Subject returns the user whom a request is about: the one that it names, or the caller if it names none. If the caller may
// not act for that user it is refused, as method.
func Subject(ctx context.Context, named, method string, refuse Refuse) (uuid.UUID, error) {
	id, err := caller.From(ctx).Subject(named)
	return id, NotTheirs(ctx, err, ErrNoUser, method+": user "+named, refuse)
}

// NotTheirs converts err, of looking up what a request names, to the answer: if there is none, or if it is not the caller's
// (caller.ErrNotYours), the caller is refused with absent. To an admin, who may see everything, it just is not there.
func NotTheirs(ctx context.Context, err, absent error, detail string, refuse Refuse) error {
	switch missing := db.IsNotFound(err); {
	case missing && caller.From(ctx).Has(caller.Admin):
		return absent
	case missing, errors.Is(err, caller.ErrNotYours):
		return refuse(ctx, absent, detail)
	}
	return err
}

// UserExists returns ErrNoUser if there is no such user.
func UserExists(ctx context.Context, users *db.UserClient, id uuid.UUID) error {
	ok, err := users.Query().Where(user.ID(id)).Exist(ctx)
	if err == nil && !ok {
		return ErrNoUser
	}
	return err
}
