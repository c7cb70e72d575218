package seal

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/internal/store"
)

const (
	// interval is how often entries are sealed. With turn it makes a checkpoint every 5 s even when the sealer dies whose turn it is.
	interval = 2 * time.Second
	// verifyInterval is how often all entries are verified, unless that would take more than a hundredth of the time.
	verifyInterval = time.Hour
	// firstVerify is how long after the start of a server.
	firstVerify = 20 * time.Second
	// lastSeal bounds the sealing of what is left when the server stops.
	lastSeal = 2 * time.Second
)

// Run seals until ctx ends, and then what is left. Each checkpoint is a line of the log, so that a copy of it is kept outside the
// database. At times it verifies all entries.
func (s *Sealer) Run(ctx context.Context, logger *slog.Logger) {
	s.logger = logger
	var verifying sync.WaitGroup
	defer verifying.Wait()
	verifying.Go(func() { s.verifyAtTimes(ctx) })
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	failed := ""
	for {
		select {
		case <-ctx.Done():
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastSeal)
			defer cancel()
			s.sealAndLog(ctx, failed)
			return
		case <-ticker.C:
			failed = s.sealAndLog(ctx, failed)
		}
	}
}

// sealAndLog returns the error, which is logged when it is not the one before.
func (s *Sealer) sealAndLog(ctx context.Context, before string) (failed string) {
	signed, err := s.Seal(ctx)
	if signed != "" {
		last, _ := s.lastSeen()
		s.logger.InfoContext(ctx, "audit trail sealed", "entries", last.N, "checkpoint", signed)
	}
	if err == nil || ctx.Err() != nil {
		return ""
	}
	if failed = err.Error(); failed != before {
		level := slog.LevelError
		if errors.Is(err, store.ErrAway) {
			level = slog.LevelWarn
		}
		s.logger.Log(ctx, level, "audit trail not sealed", "error", err)
	}
	return failed
}

// verifyAtTimes verifies all entries whenever nobody has for the interval, and keeps what it has found, until ctx ends.
func (s *Sealer) verifyAtTimes(ctx context.Context) {
	for wait := firstVerify; ; wait = verifyInterval/4 + rand.N(verifyInterval/4) {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		if err := s.verifyIfDue(ctx); err != nil && ctx.Err() == nil {
			s.logger.WarnContext(ctx, "audit trail not verified", "error", err)
		}
	}
}

func (s *Sealer) verifyIfDue(ctx context.Context) error {
	now := store.Now()
	due := false
	err := s.store.Read(ctx, `SELECT 1 FROM seals WHERE id = 'audit' AND size > 0 AND (verified_at IS NULL OR verified_at <= $1)`,
		[]any{now.Add(-max(verifyInterval, 100*s.verifyTook))}, func(*sql.Rows) error {
			due = true
			return nil
		})
	if err != nil || !due {
		return err
	}
	report, err := Verify(ctx, s.store, Options{Keys: verifiers(s.key)})
	s.verifyTook = time.Since(now)
	fault := report.Fault()
	switch {
	case ctx.Err() != nil || errors.Is(err, store.ErrAway):
		return err
	case err != nil:
		fault = err.Error()
	}
	if fault != "" {
		s.logger.ErrorContext(ctx, "audit trail has been changed", "fault", fault)
	}
	return s.log.Unaudited(ctx, "keep what was verified", func(ctx context.Context, tx *db.Tx) error {
		return store.Send(ctx, tx, `UPDATE seals SET verified_at = $1, verified_size = $2, fault = $3 WHERE id = 'audit'`, now, report.Size, fault)
	})
}
