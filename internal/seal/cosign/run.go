package cosign

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/paddock-gate/paddock/internal/seal/checkpoint"
	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/witness"
)

// Run has new checkpoints cosigned until ctx ends. It neither waits for sealing nor holds it up.
func (c *Cosigner) Run(ctx context.Context, logger *slog.Logger) {
	c.logger = logger
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			c.cosignAndLog(ctx)
		}
	}
}

// cosignAndLog logs what is cosigned, and an error that is of another kind than the one before.
func (c *Cosigner) cosignAndLog(ctx context.Context) {
	before := c.failed
	signed, err := c.Cosign(ctx)
	if signed != "" {
		c.logCosigned(ctx, signed)
	}
	if err == nil || ctx.Err() != nil || errors.Is(err, store.ErrAway) { // of which sealing tells
		return
	}
	if c.failed = kindOf(err); c.failed == before {
		return
	}
	name := c.client.Key().Name()
	if disputes(err) {
		c.logger.ErrorContext(ctx, "audit trail is not what the witness has cosigned", "witness", name, "error", err)
	} else {
		c.logger.WarnContext(ctx, "audit trail not cosigned", "witness", name, "error", err)
	}
}

func (c *Cosigner) logCosigned(ctx context.Context, signed string) {
	key := c.client.Key()
	said, err := checkpoint.Open([]byte(signed), c.keys)
	given, givenErr := key.Verify([]byte(signed))
	if err == nil && givenErr == nil {
		c.logger.InfoContext(ctx, "audit trail cosigned", "entries", said.N, "witness", key.Name(), "time", given.Time, "checkpoint", signed)
	}
}

// kindOf returns what is said once of errors that differ in nothing but an address or a number.
func kindOf(err error) string {
	for _, kind := range []error{witness.ErrAway, witness.ErrRefused, witness.ErrAnswer, ErrRolledBack, ErrNotContinued} {
		if errors.Is(err, kind) {
			return kind.Error()
		}
	}
	return err.Error()
}
