package store

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/internal/store/dberr"
)

const (
	// writableTTL is for how long the answer of Writable is kept, whoever asks.
	writableTTL = time.Second
	// failedTTL is for how long a change that the database could not write counts, unless another one succeeds. Then a small one is tried.
	failedTTL = 2 * time.Second
	// tryTimeout bounds the change that Writable makes. Probes in Kubernetes give up later.
	tryTimeout = 2 * time.Second
)

// writability is what is known of whether the database can be written.
type writability struct {
	failed atomic.Int64 // when the last change failed, in Unix nanoseconds; 0 after one that succeeded

	mu    sync.Mutex
	tries chan struct{} // closed when the try that goes on has ended; nil when none does
	at    time.Time
	last  error
}

// note takes note of a transaction's error.
func (w *writability) note(err error) {
	switch {
	case err == nil:
		if w.failed.Load() != 0 {
			w.failed.Store(0)
		}
	case dberr.IsUnwritable(err):
		w.failed.Store(time.Now().UnixNano())
	}
}

var errFailedLately = errors.New("the last change could not be written")

// Writable returns nil if the database can be written, else ErrAway, also when ctx ends before that is known. It makes a change that
// leaves nothing behind and that no other replica waits for, at most one every second, so that everybody may ask; and it heeds the changes
// that calls make. A small change may still be possible on a disk that is full for others.
func (s *Store) Writable(ctx context.Context) error {
	w := &s.writability
	if time.Since(time.Unix(0, w.failed.Load())) < failedTTL {
		return dberr.Away(errFailedLately)
	}
	w.mu.Lock()
	if w.tries == nil && time.Since(w.at) >= writableTTL {
		w.tries = make(chan struct{})
		go s.tryWritable(context.WithoutCancel(ctx))
	}
	last, tries := w.last, w.tries
	w.mu.Unlock()
	if tries == nil {
		return last
	}
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	select {
	case <-tries:
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.last
	case <-ctx.Done():
		return dberr.Away(ctx.Err())
	}
}

// tryWritable finds out what Writable returns.
func (s *Store) tryWritable(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	err := s.tryWrite(ctx)
	switch {
	case err == nil || errors.Is(err, ErrAway):
	case ctx.Err() != nil:
		err = dberr.Away(err)
	default:
		err = nil // it can be reached, and other checks tell what else is the matter
	}
	w := &s.writability
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last, w.at = err, time.Now()
	close(w.tries)
	w.tries = nil
}

// tryWrite commits a row's coming and going.
func (s *Store) tryWrite(ctx context.Context) error {
	return s.Tx(SumsOnly(WithWrites(ctx)), func(ctx context.Context, tx *db.Tx) error {
		id := uuid.New()
		if err := Send(ctx, tx, `INSERT INTO rate_buckets (id, tokens, updated_us) VALUES ($1, 0, 0)`, id); err != nil {
			return err
		}
		return Send(ctx, tx, `DELETE FROM rate_buckets WHERE id = $1`, id)
	})
}
