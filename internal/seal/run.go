package seal

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/internal/seal/checkpoint"
	"github.com/paddock-gate/paddock/internal/seal/tiles"
	"github.com/paddock-gate/paddock/internal/seal/verify"
	"github.com/paddock-gate/paddock/internal/store"
)

const (
	// interval is how often entries are sealed. With turn it makes a checkpoint every 5 s even when the sealer dies whose turn it is.
	interval = 2 * time.Second
	// verifyInterval is how often all entries are verified, unless that would take more than a hundredth of the time.
	verifyInterval = time.Hour
	// firstVerify is how long after the start of a server.
	firstVerify = 20 * time.Second
	// maxWaiting is how many entries may wait when all are verified.
	maxWaiting = 5000
	// lastSeal bounds the sealing of what is left when the server stops.
	lastSeal = 2 * time.Second
)

// Run seals until ctx ends, and then what is left. Each checkpoint is a line of the log, so that a copy of it is kept outside the
// database. At times it verifies all entries.
func (s *Sealer) Run(ctx context.Context, logger *slog.Logger) {
	s.logger = logger
	var beside sync.WaitGroup
	defer beside.Wait()
	beside.Go(func() { s.verifyAtTimes(ctx) })
	if s.cosigner != nil {
		beside.Go(func() { s.cosigner.Run(ctx, logger) })
	}
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
	if isFault(err) {
		err = errors.Join(err, s.keepFault(ctx, err.Error()))
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
	for wait := firstVerify; ; wait = verifyInterval/4 + rand.N(verifyInterval/4) { //nolint:gosec // so that replicas do not verify at once
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
	due, err := s.verifyDue(ctx, now)
	if err != nil || !due {
		return err
	}
	o := verify.Options{Keys: s.key.Verifiers()}
	if _, signed := s.lastSeen(); signed != "" {
		o.Old = verify.Notes(signed)
	}
	report, err := verify.Trail(ctx, s.store, o)
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
	} else {
		s.see(tlog.Tree{N: report.Size, Hash: report.Root}, report.Signed)
	}
	return s.log.Unaudited(ctx, "keep what was verified", func(ctx context.Context, tx *db.Tx) error {
		return store.Send(ctx, tx, `INSERT INTO seals (id, size, checkpoint, sealed_at, holder, held_until, verified_at, verified_size, fault)
			VALUES ('audit', 0, '', $1, $2, $1, $1, $3, $4)
			ON CONFLICT (id) DO UPDATE SET verified_at = excluded.verified_at, verified_size = excluded.verified_size, fault = excluded.fault`,
			now, s.id, report.Size, fault)
	})
}

// verifyDue reports whether something is sealed, or was, as tiles show even when the head is gone, and nobody has verified it for the
// interval. It is not due while very many entries wait, as after the migration of a large trail: all that wait would be held in memory.
func (s *Sealer) verifyDue(ctx context.Context, now time.Time) (due bool, err error) {
	const query = `SELECT 1 WHERE EXISTS (SELECT 1 FROM seal_tiles) AND NOT EXISTS (SELECT 1 FROM seals WHERE id = 'audit' AND verified_at > $1)
		AND NOT EXISTS (SELECT 1 FROM unsealed_entries ORDER BY id LIMIT 1 OFFSET $2)`
	before := now.Add(-max(verifyInterval, 100*s.verifyTook))
	err = s.store.Read(ctx, query, []any{before, maxWaiting}, func(store.Row) error {
		due = true
		return nil
	})
	return due, err
}

// keepFault has the page show that the trail is not sealed because somebody has changed it, until it is verified again and found as it
// was. It keeps a fault that was there before.
func (s *Sealer) keepFault(ctx context.Context, fault string) error {
	return s.log.Unaudited(ctx, "keep why nothing is sealed", func(ctx context.Context, tx *db.Tx) error {
		return store.Send(ctx, tx, `UPDATE seals SET fault = $1 WHERE id = 'audit' AND fault = ''`, fault)
	})
}

// isFault reports whether an error of sealing means that somebody has changed the seal, or its database has lost a part of it.
func isFault(err error) bool {
	for _, fault := range []error{checkpoint.ErrTruncated, checkpoint.ErrForked, checkpoint.ErrSignature, tiles.ErrMissing, tiles.ErrChanged} {
		if errors.Is(err, fault) {
			return true
		}
	}
	return false
}
