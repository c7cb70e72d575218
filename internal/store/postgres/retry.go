package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/internal/store/dberr"
)

// Tx runs f in a transaction, up to three times: again after a serialization failure or a deadlock, and then it is ErrAway.
func (d *Database) Tx(ctx context.Context, f func(ctx context.Context, tx *db.Tx) error) error {
	for attempt := 1; ; attempt++ {
		err := d.try(ctx, f)
		switch {
		case err == nil || !dberr.IsRetryable(err):
			return err
		case attempt == 3:
			return dberr.Away(err) // too many at once
		}
		select {
		case <-time.After(time.Duration(rand.IntN(20*attempt)+1) * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (d *Database) try(ctx context.Context, f func(ctx context.Context, tx *db.Tx) error) (err error) {
	tx, err := d.Client.Tx(ctx)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	committed := false
	defer func() {
		if !committed { // f failed or panicked
			if rb := tx.Rollback(); rb != nil && err != nil {
				err = errors.Join(err, fmt.Errorf("roll back: %w", rb))
			}
		}
	}()
	if err := f(ctx, tx); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	committed = true
	return nil
}
