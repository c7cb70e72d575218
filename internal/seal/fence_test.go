package seal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/internal/audit"
	"github.com/paddock-gate/paddock/internal/seal/checkpoint"
	"github.com/paddock-gate/paddock/internal/seal/verify"
	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

func testKey(t *testing.T) *checkpoint.Key {
	t.Helper()
	private, _, err := checkpoint.GenerateKey("example.com/paddock")
	if err != nil {
		t.Fatal(err)
	}
	key, err := checkpoint.NewKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// TestSeal_Paused: a sealer that was paused between reading and writing, for longer than its turn, does not write.
func TestSeal_Paused(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		log := audit.Open(s)
		key := testKey(t)
		record := func() {
			if err := log.Record(t.Context(), audit.Event{Type: audit.AccessDenied}); err != nil {
				t.Fatal(err)
			}
		}
		paused, other := New(s, log, key), New(s, log, key)
		record()
		if mine, err := paused.takeTurn(t.Context()); err != nil || !mine {
			t.Fatalf("no turn: %v", err)
		}
		late, err := paused.prepare(t.Context())
		if err != nil || len(late.sealed) != 1 {
			t.Fatalf("%d entries, %v", len(late.sealed), err)
		}
		if mine, err := other.takeTurn(t.Context()); err != nil || mine {
			t.Fatalf("two have the turn (%v)", err)
		}
		err = log.Unaudited(t.Context(), "time passes", func(ctx context.Context, tx *db.Tx) error {
			return store.Send(ctx, tx, `UPDATE seals SET held_until = $1`, store.Now().Add(-time.Second))
		})
		if err != nil {
			t.Fatal(err)
		}
		record()
		if signed, err := other.Seal(t.Context()); err != nil || signed == "" {
			t.Fatalf("the other does not seal: %v", err)
		}
		if err := paused.commit(t.Context(), late); !errors.Is(err, errFenced) {
			t.Fatalf("the paused one: %v, want errFenced", err)
		}
		r, err := verify.Trail(t.Context(), s, verify.Options{Keys: key.Verifiers()})
		if err != nil || r.Size != 2 || len(r.Findings) > 0 {
			t.Errorf("%d sealed, %v, %v", r.Size, r.Findings, err)
		}
	})
}

// TestSeal_Between: an entry that comes between those that are being sealed goes on waiting, and is sealed after them.
func TestSeal_Between(t *testing.T) {
	eachSealed(t, 1, func(t *testing.T, s *sealed) {
		insert := func(id uuid.UUID) {
			s.exec(t, `INSERT INTO audit_entries (id, event_type, occurred_at, actor_email, ip, user_agent, request_id, outcome, detail)
				VALUES ('`+id.String()+`', 'access_denied', '2026-11-29 12:00:00+00:00', '', '', '', '', 'denied', '')`)
		}
		before, between, after := uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7())
		insert(before)
		insert(after)
		b, err := s.sealer.prepare(t.Context())
		if err != nil || len(b.sealed) != 2 {
			t.Fatalf("%d entries, %v", len(b.sealed), err)
		}
		insert(between)
		if err := s.sealer.commit(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		if left := s.store.UnsealedEntry.Query().IDsX(t.Context()); len(left) != 1 || left[0] != between {
			t.Fatalf("%v wait, want %v", left, between)
		}
		s.seal(t)
		r, err := verify.Trail(t.Context(), s.store, verify.Options{Keys: s.key.Verifiers()})
		if err != nil || r.Size != 4 || r.Waiting > 0 || len(r.Findings) > 0 {
			t.Errorf("%d sealed, %d wait, %v, %v", r.Size, r.Waiting, r.Findings, err)
		}
	})
}

// TestSeal_Replicas: while three replicas write with 32 writers each, all seal at once and one verifies, whatever the order of
// commits, each entry is sealed once and nothing is found. PADDOCK_PROOF=full makes it a minute.
func TestSeal_Replicas(t *testing.T) {
	limit := 2 * time.Second
	if os.Getenv("PADDOCK_PROOF") == "full" {
		limit = time.Minute
	}
	storetest.Each(t, func(t *testing.T, url string) {
		stores := []*store.Store{storetest.Open(t, url)}
		for range 2 {
			if !stores[0].Embedded() { // which has one server
				stores = append(stores, storetest.Open(t, url))
			}
		}
		key := testKey(t)
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		var (
			work        sync.WaitGroup
			checkpoints = make(chan string, 1000)
		)
		for _, s := range stores {
			log := audit.Open(s)
			for range 32 {
				work.Go(func() { writeOutOfOrder(ctx, t, s, log) })
			}
			for range 2 {
				sealer := New(s, log, key)
				work.Go(func() { sealOften(ctx, t, sealer, checkpoints) })
			}
		}
		var (
			old    string
			proved int
		)
		for ctx.Err() == nil {
			o := verify.Options{Keys: key.Verifiers()}
			if old != "" {
				o.Old = verify.Notes(old)
			}
			r, err := verify.Trail(t.Context(), stores[0], o)
			if err != nil && !errors.Is(err, verify.ErrNotSealed) || len(r.Findings) > 0 {
				t.Fatalf("false alarm: %v, %v", r.Findings, err)
			}
			if old = r.Signed; old != "" {
				proved++
			}
			time.Sleep(time.Millisecond)
		}
		work.Wait()
		s := stores[0]
		time.Sleep(turn)
		if _, err := New(s, audit.Open(s), key).Seal(t.Context()); err != nil {
			t.Fatal(err)
		}
		count := s.AuditEntry.Query().CountX(t.Context())
		close(checkpoints)
		var kept []string
		for signed := range checkpoints {
			kept = append(kept, signed)
		}
		o := verify.Options{Keys: key.Verifiers(), Old: verify.Notes(kept...)} // each is of this tree
		r, err := verify.Trail(t.Context(), s, o)
		if err != nil || len(r.Findings) > 0 || r.Waiting > 0 || r.Size != int64(count) {
			t.Fatalf("%d of %d sealed, %d wait, %v, %v", r.Size, count, r.Waiting, r.Findings, err)
		}
		t.Logf("%d entries, verified %d times meanwhile", count, proved)
	})
}

// writeOutOfOrder writes entries of which some commit long after later ones, where there is more than one writer.
func writeOutOfOrder(ctx context.Context, t *testing.T, s *store.Store, log *audit.Log) {
	for n := 0; ctx.Err() == nil; n++ {
		err := log.Unaudited(ctx, "an entry", func(ctx context.Context, tx *db.Tx) error {
			id := uuid.Must(uuid.NewV7())
			if n%10 == 0 && !s.Embedded() {
				time.Sleep(3 * time.Millisecond)
			}
			_, err := store.Exec(ctx, tx, `INSERT INTO audit_entries (id, event_type, occurred_at, actor_email, ip, user_agent, request_id, outcome, detail)
				VALUES ($1, 'access_denied', $2, '', '', '', '', 'denied', $3)`, id, store.Now(), fmt.Sprint("entry ", n))
			return err
		})
		if err != nil && ctx.Err() == nil && !errors.Is(err, store.ErrAway) {
			t.Error(err)
			return
		}
	}
}

// sealOften seals again and again, as quickly as it may, and keeps some checkpoints.
func sealOften(ctx context.Context, t *testing.T, s *Sealer, checkpoints chan<- string) {
	for n := 0; ctx.Err() == nil; n++ {
		s.until = time.Time{}
		signed, err := s.Seal(ctx)
		if err != nil && ctx.Err() == nil && !errors.Is(err, store.ErrAway) {
			t.Errorf("seal: %v", err)
			return
		}
		if signed != "" && n%20 == 0 {
			select {
			case checkpoints <- signed:
			default:
			}
		}
		time.Sleep(time.Millisecond)
	}
}
