package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// TestWritable_ContextEnds: a probe has its answer in its own time while another transaction holds up the only writer.
func TestWritable_ContextEnds(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite(t))
	holds, release, ended := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		ended <- s.Tx(t.Context(), func(context.Context, *db.Tx) error {
			close(holds)
			<-release
			return nil
		})
	}()
	<-holds
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	answer := make(chan error, 1)
	go func() { answer <- s.Writable(ctx) }()
	select {
	case err := <-answer:
		if !errors.Is(err, store.ErrAway) {
			t.Errorf("while nothing can be written: %v", err)
		}
	case <-time.After(time.Second):
		t.Error("no answer after a second")
	}
	close(release)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if err := s.Writable(t.Context()); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// TestWritable_AfterOneFailure: that one change was refused keeps a server unready for a moment, and not longer than it lasts.
func TestWritable_AfterOneFailure(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.PostgreSQL(t))
	err := s.Tx(store.WithWrites(t.Context()), func(ctx context.Context, tx *db.Tx) error {
		if err := store.Send(ctx, tx, `SET TRANSACTION READ ONLY`); err != nil {
			return err
		}
		return createUser(ctx, tx)
	})
	if err == nil {
		t.Fatal("a read-only transaction has written")
	}
	if err := s.Writable(t.Context()); !errors.Is(err, store.ErrAway) {
		t.Errorf("at once: %v", err)
	}
	for end := time.Now().Add(6 * time.Second); s.Writable(t.Context()) != nil; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not writable for 6 s")
		}
	}
}

// TestWritable_KeepsWhatIsRemembered: what calls remember of the embedded database outlives a probe.
func TestWritable_KeepsWhatIsRemembered(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite(t))
	loads := 0
	reads := store.NewReads(s, func(context.Context, []string) (map[string]int, error) {
		loads++
		return map[string]int{"a": 1}, nil
	})
	for range 2 {
		if _, _, err := reads.Get(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		if err := s.Writable(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if loads != 1 {
		t.Errorf("read %d times", loads)
	}
}
