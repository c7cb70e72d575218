package relay

import (
	"context"

	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/audit"
	"github.com/paddock-gate/paddock/internal/caller"
	"github.com/paddock-gate/paddock/internal/telemetry"
	"github.com/paddock-gate/paddock/internal/upstream"
)

// Models decides which models callers may use.
type Models struct {
	upstream   *upstream.Pool
	log        *audit.Log
	allowCloud bool
}

// NewModels returns the decision over the upstream's models, of which those on ollama.com may be used if allowCloud is set.
func NewModels(upstream *upstream.Pool, log *audit.Log, allowCloud bool) *Models {
	return &Models{upstream: upstream, log: log, allowCloud: allowCloud}
}

// Admit returns nil if the context's caller may use the model, which is a canonical name. Else it fails with MODEL_NOT_ALLOWED,
// or with MODEL_IS_REMOTE, which is on record, or with the context's error.
func (m *Models) Admit(ctx context.Context, model string) error {
	telemetry.From(ctx).Model = model
	if !caller.From(ctx).MayUse(model) {
		return apierr.ModelForbidden(model)
	}
	if m.allowCloud {
		return nil
	}
	remote, err := m.upstream.IsRemote(ctx, model)
	if err != nil || !remote {
		return err
	}
	err = m.log.Record(ctx, audit.Event{
		Type: audit.AccessDenied, Outcome: audit.Denied, Detail: "model " + model + ": " + ErrModelIsRemote.Message(),
	})
	if err != nil {
		return err
	}
	return ErrModelIsRemote
}
