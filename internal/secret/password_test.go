package secret

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestVerify_Password(t *testing.T) {
	h := NewHasher(tiny, 1)
	stored, err := h.Hash(t.Context(), "caf\u00e9 au lait")
	if err != nil {
		t.Fatal(err)
	}
	for password, want := range map[string]bool{
		"caf\u00e9 au lait":   true,
		"cafe\u0301 au lait":  true, // the same in NFD
		"cafe au lait":        false,
		"caf\u00e9 au lait ":  false,
		"caf\u00e9 au lait\n": false,
		"":                    false,
	} {
		if got, err := h.Verify(t.Context(), Newcomer, stored, password); got != want || err != nil {
			t.Errorf("%q: %v, %v; want %v", password, got, err, want)
		}
	}
}

func TestHash_FreshSalt(t *testing.T) {
	h := NewHasher(tiny, 1)
	a, errA := h.Hash(t.Context(), "same")
	b, errB := h.Hash(t.Context(), "same")
	if a == b || errA != nil || errB != nil {
		t.Errorf("%q (%v) and %q (%v)", a, errA, b, errB)
	}
}

func TestVerify_UnknownUser(t *testing.T) {
	h := NewHasher(Params{MemoryKiB: 8 << 10, Time: 1, Parallelism: 1}, 1)
	hash := func(h *Hasher) string {
		stored, err := h.Hash(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		return stored
	}
	older := NewHasher(Params{MemoryKiB: 2 << 10, Time: 1, Parallelism: 1}, 1)
	for name, stored := range map[string]string{"known user": hash(h), "unknown user": "", "known user, older parameters": hash(older)} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		ok, err := h.Verify(t.Context(), Newcomer, stored, "")
		runtime.ReadMemStats(&after)
		if ok != (stored != "") || err != nil {
			t.Errorf("%s: %v, %v", name, ok, err)
		}
		if filled := after.TotalAlloc - before.TotalAlloc; filled < 8<<20 {
			t.Errorf("%s: only %d bytes were filled", name, filled)
		}
	}
}

func TestParams_Missing(t *testing.T) {
	for _, c := range []struct{ p, whole, want Params }{
		{Params{19456, 2, 1}, Params{19456, 3, 1}, Params{6485, 3, 1}}, // rounded down, by less than a KiB a pass
		{Params{19456, 2, 1}, Params{65536, 2, 1}, Params{46080, 2, 1}},
		{Params{64, 1, 1}, Params{19456, 2, 4}, Params{19424, 2, 4}},
		{Params{65536, 1, 1}, Params{19456, 4, 1}, Params{3072, 4, 1}},
		{Params{19456, 2, 1}, Params{19456, 2, 1}, Params{}},
		{Params{65536, 3, 1}, Params{19456, 2, 1}, Params{}}, // no hash takes less than none
		{Params{19450, 2, 1}, Params{19456, 2, 1}, Params{}}, // less than the least hash
	} {
		got, ok := c.p.missing(c.whole)
		if got != c.want || ok != (c.want != Params{}) || ok && got.Validate() != nil {
			t.Errorf("from %v to %v: %v, %v; want %v", c.p, c.whole, got, ok, c.want)
		}
	}
}

func TestVerify_MalformedHash(t *testing.T) {
	h := NewHasher(tiny, 1)
	h.slots.busy = 1 // anything that asked for a slot would wait for ever
	for name, stored := range malformedPHCs {
		if ok, err := h.Verify(t.Context(), Newcomer, stored, known[0].password); ok || err == nil || errors.Is(err, ErrBusy) {
			t.Errorf("%s: %v, %v", name, ok, err)
		}
	}
}

func TestNeedsRehash(t *testing.T) {
	h := NewHasher(Params{MemoryKiB: 64, Time: 1, Parallelism: 1}, 1)
	for stored, want := range map[string]bool{
		known[0].stored: true,
		known[1].stored: false,
		"":              true,
	} {
		if got := h.NeedsRehash(stored); got != want {
			t.Errorf("%q: %v", stored, got)
		}
	}
}

func TestNewHasher_InvalidParams(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("accepted")
		}
	}()
	NewHasher(Params{MemoryKiB: maxMemoryKiB + 1, Time: 1, Parallelism: 1}, 1)
}

func TestNewHasher_Slots(t *testing.T) {
	procs := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(procs)
	for given, want := range map[int]int{0: max(1, procs-1), 1: 1, procs: procs, procs + 1: procs + 1} {
		runtime.GOMAXPROCS(procs)
		_, _, slots := NewHasher(tiny, given).Stats()
		if slots != want || runtime.GOMAXPROCS(0) <= slots {
			t.Errorf("%d slots became %d of %d processors", given, slots, runtime.GOMAXPROCS(0))
		}
	}
}

func TestInSlot_CallerCancels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHasher(tiny, 1)
		ctx, leave := context.WithCancel(t.Context())
		hashing := make(chan struct{})
		left := make(chan error, 1)
		go func() {
			_, err := inSlot(ctx, h, Newcomer, func() bool { <-hashing; return true })
			left <- err
		}()
		synctest.Wait()
		leave()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("caller got %v", err)
		}
		wantStats(t, h, 1, 0)
		close(hashing)
		synctest.Wait()
		wantStats(t, h, 0, 0)
	})
}

func TestHash_QueueFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHasher(tiny, 2)
		finish := occupy(t, h)
		ctx, leave := context.WithCancel(t.Context())
		var queue sync.WaitGroup
		for range 2 * queuePerSlot {
			queue.Go(func() {
				if _, err := h.Hash(ctx, ""); !errors.Is(err, context.Canceled) {
					t.Errorf("in the queue: %v", err)
				}
			})
		}
		synctest.Wait()
		wantStats(t, h, 2, 2*queuePerSlot)
		start := time.Now()
		if _, err := h.Hash(t.Context(), ""); !errors.Is(err, ErrBusy) || time.Since(start) > 0 {
			t.Errorf("queue full: %v after %v", err, time.Since(start))
		}
		if _, err := h.Verify(t.Context(), Newcomer, "", ""); !errors.Is(err, ErrBusy) {
			t.Errorf("unknown user, queue full: %v", err)
		}
		leave()
		queue.Wait()
		wantStats(t, h, 2, 0)
		finish()
	})
}

func TestHash_QueueTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHasher(tiny, 1)
		finish := occupy(t, h)
		start := time.Now()
		_, err := h.Hash(t.Context(), "")
		if waited := time.Since(start); !errors.Is(err, ErrBusy) || waited != 2*time.Second {
			t.Errorf("%v after %v", err, waited)
		}
		finish()
		if _, err := h.Hash(t.Context(), ""); err != nil {
			t.Errorf("slot free again: %v", err)
		}
	})
}

func TestInSlot_Concurrent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const slots = 3
		h := NewHasher(tiny, slots)
		var running atomic.Int32
		var callers sync.WaitGroup
		start := time.Now()
		for range slots * (1 + queuePerSlot) {
			callers.Go(func() {
				_, err := inSlot(t.Context(), h, Newcomer, func() bool {
					if n := running.Add(1); n > slots {
						t.Errorf("%d at once", n)
					}
					time.Sleep(10 * time.Millisecond)
					running.Add(-1)
					return true
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		callers.Wait()
		if got, want := time.Since(start), (1+queuePerSlot)*10*time.Millisecond; got != want {
			t.Errorf("took %v; with every slot in use %v", got, want)
		}
		wantStats(t, h, 0, 0)
	})
}

// occupy takes every slot until the returned function is called.
func occupy(t *testing.T, h *Hasher) (finish func()) {
	hashing := make(chan struct{})
	var callers sync.WaitGroup
	for range h.slots.all {
		callers.Go(func() {
			if _, err := inSlot(t.Context(), h, Newcomer, func() bool { <-hashing; return true }); err != nil {
				t.Error(err)
			}
		})
	}
	synctest.Wait()
	return func() { close(hashing); callers.Wait() }
}

func wantStats(t *testing.T, h *Hasher, busy, queued int) {
	t.Helper()
	if b, q, s := h.Stats(); b != busy || q != queued || s != h.slots.all {
		t.Errorf("%d busy, %d queued, %d slots; want %d, %d, %d", b, q, s, busy, queued, h.slots.all)
	}
}
