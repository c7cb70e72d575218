package coalesce_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/paddock-gate/paddock/internal/coalesce"
)

// table is what Reads read: the same number for each key. A read ends when a value comes from step.
type table struct {
	mu    sync.Mutex
	value int
	reads [][]string // the keys of each
	step  chan error
}

func (f *table) load(_ context.Context, keys []string) (map[string]int, error) {
	f.mu.Lock()
	value := f.value
	f.reads = append(f.reads, slices.Clone(keys))
	f.mu.Unlock()
	if err := <-f.step; err != nil {
		return nil, err
	}
	values := map[string]int{}
	for _, key := range keys {
		if key != "none" {
			values[key] = value
		}
	}
	return values, nil
}

func (f *table) set(value int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.value = value
}

type got struct {
	key   string
	value int
	ok    bool
	err   error
}

func get(r *coalesce.Reads[string, int], answers chan<- got, keys ...string) {
	for _, key := range keys {
		go func() {
			value, ok, err := r.Get(context.Background(), key)
			answers <- got{key, value, ok, err}
		}()
		synctest.Wait()
	}
}

func TestReads_NeverAReadThatHasBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, answers := &table{value: 1, step: make(chan error)}, make(chan got, 10)
		r := &coalesce.Reads[string, int]{Load: f.load, AtOnce: 1}
		get(r, answers, "a")
		f.set(2)
		get(r, answers, "a", "b", "none", "a") // after the first has begun, and they share the second
		f.step <- nil
		f.step <- nil
		synctest.Wait()
		if len(f.reads) != 2 || !slices.Equal(f.reads[1], []string{"a", "b", "none"}) {
			t.Errorf("reads: %v", f.reads)
		}
		if first := <-answers; first != (got{"a", 1, true, nil}) {
			t.Errorf("first: %+v", first)
		}
		for range 4 {
			a := <-answers
			if want := (got{a.key, 2, true, nil}); a != want && a != (got{key: "none"}) {
				t.Errorf("%+v", a)
			}
		}
	})
}

func TestReads_FinalError(t *testing.T) {
	away, other := errors.New("away"), errors.New("other")
	for failure, reads := range map[error]int{away: 1, other: 2} {
		synctest.Test(t, func(t *testing.T) {
			f, answers := &table{step: make(chan error, 2)}, make(chan got, 2)
			r := &coalesce.Reads[string, int]{Load: f.load, AtOnce: 1, Final: func(err error) bool { return errors.Is(err, away) }}
			get(r, answers, "a", "b")
			f.step <- failure
			f.step <- nil
			synctest.Wait()
			first, second := <-answers, <-answers
			if !errors.Is(first.err, failure) || errors.Is(second.err, away) != (reads == 1) || len(f.reads) != reads {
				t.Errorf("%v: %+v, %+v, %d reads", failure, first, second, len(f.reads))
			}
			if reads == 1 {
				get(r, answers, "a")
				if a := <-answers; a.err != nil {
					t.Errorf("afterwards: %+v", a)
				}
			}
		})
	}
}

// TestReads_Version: a value is remembered until the version changes, for half a second, and never when it changed while it was read.
func TestReads_Version(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, answers := &table{value: 1, step: make(chan error)}, make(chan got, 10)
		var version atomic.Uint64
		r := &coalesce.Reads[string, int]{Load: f.load, AtOnce: 1, Version: version.Load}
		expect := func(value, reads int) {
			t.Helper()
			if a := <-answers; a.value != value || a.err != nil || len(f.reads) != reads {
				t.Errorf("%+v after %d reads, want %d after %d", a, len(f.reads), value, reads)
			}
		}
		get(r, answers, "a")
		f.set(2)
		version.Add(1) // the change is committed while a read is running
		f.step <- nil
		expect(1, 1)
		get(r, answers, "a")
		f.step <- nil
		expect(2, 2)
		get(r, answers, "a")
		expect(2, 2)
		f.set(3)
		version.Add(1)
		get(r, answers, "a")
		f.step <- nil
		expect(3, 3)
		time.Sleep(coalesce.RememberFor)
		get(r, answers, "a")
		f.step <- nil
		expect(3, 4)
	})
}
