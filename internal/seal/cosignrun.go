package seal

import (
	"context"
	"errors"
	"time"

	"github.com/paddock-gate/paddock/internal/seal/checkpoint"
	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/witness"
)

// cosignAtTimes has new checkpoints cosigned until ctx ends, if there is a witness. It neither waits for sealing nor holds it up.
func (s *Sealer) cosignAtTimes(ctx context.Context) {
	if s.cosigner == nil {
		return
	}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			s.cosignAndLog(ctx)
		}
	}
}

// cosignAndLog logs what is cosigned, and an error that is of another kind than the one before.
func (s *Sealer) cosignAndLog(ctx context.Context) {
	before := s.cosigner.failed
	signed, err := s.Cosign(ctx)
	if signed != "" {
		s.logCosigned(ctx, signed)
	}
	if err == nil || ctx.Err() != nil || errors.Is(err, store.ErrAway) { // of which sealing tells
		return
	}
	if s.cosigner.failed = kindOf(err); s.cosigner.failed == before {
		return
	}
	name := s.cosigner.client.Key().Name()
	if disputes(err) {
		s.logger.ErrorContext(ctx, "audit trail is not what the witness has cosigned", "witness", name, "error", err)
	} else {
		s.logger.WarnContext(ctx, "audit trail not cosigned", "witness", name, "error", err)
	}
}

func (s *Sealer) logCosigned(ctx context.Context, signed string) {
	key := s.cosigner.client.Key()
	c, err := checkpoint.Open([]byte(signed), s.key.Verifiers())
	given, givenErr := key.Verify([]byte(signed))
	if err == nil && givenErr == nil {
		s.logger.InfoContext(ctx, "audit trail cosigned", "entries", c.N, "witness", key.Name(), "time", given.Time, "checkpoint", signed)
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
