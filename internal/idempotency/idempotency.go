// Package idempotency makes calls that create something safe to retry: with the same Idempotency-Key header, a retry after
// a lost reply returns what the first call created.
package idempotency

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"connectrpc.com/connect"
	"entgo.io/ent/dialect/sql/sqlgraph"
	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/ent/db/idempotencykey"
	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/caller"
)

// Header is the request header that carries the client's key.
const Header = "Idempotency-Key"

const maxKeyBytes = 255

// Remember stores, in the transaction that makes something, the id of what it makes.
type Remember func(ctx context.Context, tx *db.Tx, made uuid.UUID) error

// Once runs create, unless the caller has made the same call with the same key before: then it returns the id of what was
// made. The same key with another request is refused. Without the header create always runs.
func Once(ctx context.Context, client *db.Client, req proto.Message, create func(Remember) error) (earlier uuid.UUID, repeated bool, err error) {
	info, ok := connect.CallInfoForHandlerContext(ctx)
	if !ok || info.RequestHeader().Get(Header) == "" {
		return uuid.Nil, false, create(func(context.Context, *db.Tx, uuid.UUID) error { return nil })
	}
	key := info.RequestHeader().Get(Header)
	if len(key) > maxKeyBytes {
		return uuid.Nil, false, apierr.Invalid(Header, "must be 255 bytes at most")
	}
	request, err := digestOf(req)
	if err != nil {
		return uuid.Nil, false, err
	}
	id := digest(caller.From(ctx).UserID.String(), info.Spec().Procedure, key)

	if earlier, repeated, err = find(ctx, client, id, request); repeated || err != nil {
		return earlier, repeated, err
	}
	err = create(func(ctx context.Context, tx *db.Tx, made uuid.UUID) error {
		return tx.IdempotencyKey.Create().SetID(id).SetRequestHash(request).SetResultID(made).Exec(ctx)
	})
	if sqlgraph.IsUniqueConstraintError(err) { // perhaps by the same call, concurrently
		if earlier, repeated, findErr := find(ctx, client, id, request); repeated || findErr != nil {
			return earlier, repeated, findErr
		}
	}
	return uuid.Nil, false, err
}

func find(ctx context.Context, client *db.Client, id, request string) (uuid.UUID, bool, error) {
	row, err := client.IdempotencyKey.Query().Where(idempotencykey.ID(id)).Only(ctx)
	switch {
	case db.IsNotFound(err):
		return uuid.Nil, false, nil
	case err != nil:
		return uuid.Nil, false, err
	case row.RequestHash != request:
		return uuid.Nil, false, apierr.Invalid(Header, "was used for another request")
	}
	return row.ResultID, true, nil
}

// digestOf is the digest of the request without its secret fields: it is stored, and from a fast hash a password
// could be guessed.
func digestOf(req proto.Message) (string, error) {
	req = proto.Clone(req)
	m := req.ProtoReflect()
	m.Range(func(field protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		if o, ok := field.Options().(*descriptorpb.FieldOptions); ok && o.GetDebugRedact() {
			m.Clear(field)
		}
		return true
	})
	body, err := proto.MarshalOptions{Deterministic: true}.Marshal(req)
	return digest(string(body)), err
}

// digest is the SHA-256 of the parts, each ended by a zero byte, in hex.
func digest(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write([]byte(p))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil))
}
