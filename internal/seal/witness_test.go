package seal

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/audit"
	"github.com/paddock-gate/paddock/internal/seal/checkpoint"
	"github.com/paddock-gate/paddock/internal/seal/verify"
	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/store/storetest"
	"github.com/paddock-gate/paddock/internal/witness"
	"github.com/paddock-gate/paddock/internal/witness/witnesstest"
)

func witnessKey(t *testing.T, w *witnesstest.Witness) *witness.Key {
	t.Helper()
	key, err := witness.NewKey(w.Key)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// TestRun_SlowWitness: while the witness does not answer, entries are sealed as always, and the server stops.
func TestRun_SlowWitness(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		log, key := audit.Open(s), testKey(t)
		w := witnesstest.Start(t, key.Public())
		asked := make(chan struct{}, 10)
		w.Instead(func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // after which the end of the connection is noticed
			asked <- struct{}{}
			<-r.Context().Done()
		})
		sealer := New(s, log, key)
		sealer.SetWitness(witness.NewClient(w.URL, witnessKey(t, w)))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		record := func() {
			t.Helper()
			if err := log.Record(t.Context(), audit.Event{Type: audit.AccessDenied}); err != nil {
				t.Fatal(err)
			}
		}
		record()
		go func() {
			defer close(ended)
			sealer.Run(ctx, slog.New(slog.DiscardHandler))
		}()
		<-asked
		record()
		began := time.Now()
		for waiting := true; waiting; time.Sleep(20 * time.Millisecond) {
			var err error
			if waiting, err = sealer.waits(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(began); took > 4*interval {
			t.Errorf("an entry has waited for %v", took)
		}
		if requests, _ := w.Asked(); requests != 1 {
			t.Errorf("%d requests", requests)
		}
		record()
		cancel()
		select {
		case <-ended:
		case <-time.After(5 * time.Second):
			t.Fatal("it does not stop")
		}
		if waiting, err := sealer.waits(t.Context()); err != nil || waiting {
			t.Errorf("an entry is left: %v", err)
		}
		w.Instead(nil) // and the next process need not wait for the turn of this one
		next := New(s, log, key)
		asks := next.SetWitness(witness.NewClient(w.URL, witnessKey(t, w)))
		for end := time.Now().Add(10 * time.Second); ; time.Sleep(100 * time.Millisecond) {
			if signed, err := asks.Cosign(t.Context()); signed != "" {
				break
			} else if time.Now().After(end) {
				t.Fatalf("not cosigned: %v", err)
			}
		}
	})
}

// TestCosign_Replicas: three replicas seal and have their checkpoints cosigned: one request at a time, and all in the end.
func TestCosign_Replicas(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		first := storetest.Open(t, url)
		key := testKey(t)
		w := witnesstest.Start(t, key.Public())
		w.Instead(func(rw http.ResponseWriter, r *http.Request) {
			time.Sleep(100 * time.Millisecond)
			w.Answer(rw, r)
		})
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		defer running.Wait()
		defer cancel()
		for range 3 {
			s := first
			if !s.Embedded() { // which has one server
				s = storetest.Open(t, url)
			}
			sealer := New(s, audit.Open(s), key)
			sealer.SetWitness(witness.NewClient(w.URL, witnessKey(t, w)))
			running.Go(func() { sealer.Run(ctx, slog.New(slog.DiscardHandler)) })
		}
		log := audit.Open(first)
		for range 30 {
			if err := log.Record(t.Context(), audit.Event{Type: audit.AccessDenied}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
			n, err := checkpoint.ReadNewest(t.Context(), first)
			if err == nil && n.Cosigned.Size == 30 {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("cosigned up to %d, %v", n.Cosigned.Size, err)
			}
		}
		cancel()
		running.Wait()
		if requests, atOnce := w.Asked(); atOnce != 1 {
			t.Errorf("%d requests, %d at once", requests, atOnce)
		}
		wantCosigned(t, first, key, w, 30)
	})
}

func wantCosigned(t *testing.T, s *store.Store, key *checkpoint.Key, w *witnesstest.Witness, size int64) {
	t.Helper()
	r, err := verify.Trail(t.Context(), s, verify.Options{Keys: key.Verifiers(), Witness: witnessKey(t, w)})
	if err != nil || len(r.Findings) > 0 || r.Cosigned.Size != size {
		t.Errorf("cosigned up to %d, %v, %v; want %d", r.Cosigned.Size, r.Findings, err, size)
	}
}
