package coalesce_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/paddock-gate/paddock/internal/coalesce"
)

// counted returns a read of the time: how many reads have begun. It ends when end is closed.
func counted(begun *atomic.Int64, end <-chan struct{}) func() (int64, error) {
	return func() (int64, error) {
		n := begun.Add(1)
		<-end
		return n, nil
	}
}

func TestGroup_NeverAReadThatHasBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g coalesce.Group[string, int64]
		var begun atomic.Int64
		end := make(chan struct{})
		read := counted(&begun, end)
		results := make(chan int64, 100)
		do := func(key string) {
			n, err := g.Do(key, read)
			if err != nil {
				t.Error(err)
			}
			results <- n
		}
		go do("a")
		synctest.Wait()
		for range 9 { // all of them come after the first read has begun, and share the second
			go do("a")
		}
		synctest.Wait()
		if n := begun.Load(); n != 1 {
			t.Fatalf("%d reads have begun", n)
		}
		go do("b") // which shares nothing with the others
		synctest.Wait()
		if n := begun.Load(); n != 2 {
			t.Fatalf("%d reads have begun with another key", n)
		}
		close(end)
		synctest.Wait()
		got := map[int64]int{}
		for range 11 {
			got[<-results]++
		}
		if len(got) != 3 || got[1] != 1 || got[2] != 1 || got[3] != 9 {
			t.Errorf("read: calls %v, want 1: 1, 2: 1, 3: 9", got)
		}
	})
}

func TestGroup_ErrorOfTheReadBefore(t *testing.T) {
	failure, final := errors.New("failed"), errors.New("away")
	for _, c := range []struct {
		name  string
		first error
		want  error // of the second call
		reads int64
	}{
		{"is its own", failure, nil, 2},
		{"is final", final, final, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := coalesce.Group[int, int64]{Final: func(err error) bool { return errors.Is(err, final) }}
				var begun atomic.Int64
				end, first, second := make(chan struct{}), make(chan error, 1), make(chan error, 1)
				read := counted(&begun, end)
				go func() {
					_, err := g.Do(1, func() (int64, error) {
						n, _ := read()
						return n, c.first
					})
					first <- err
				}()
				synctest.Wait()
				go func() {
					_, err := g.Do(1, read)
					second <- err
				}()
				synctest.Wait()
				close(end)
				if err := <-first; !errors.Is(err, c.first) {
					t.Errorf("first: %v", err)
				}
				if err := <-second; !errors.Is(err, c.want) {
					t.Errorf("second: %v, want %v", err, c.want)
				}
				if n := begun.Load(); n != c.reads {
					t.Errorf("%d reads, want %d", n, c.reads)
				}
				if n, err := g.Do(1, read); n != c.reads+1 || err != nil {
					t.Errorf("afterwards: %d, %v", n, err)
				}
			})
		})
	}
}

func TestGroup_Panic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g coalesce.Group[int, int]
		end, shared := make(chan struct{}), make(chan error, 2)
		go func() { _, _ = g.Do(1, func() (int, error) { <-end; return 1, nil }) }()
		synctest.Wait()
		panicked := make(chan any, 1)
		go func() {
			defer func() { panicked <- recover() }()
			_, _ = g.Do(1, func() (int, error) { panic("no") })
		}()
		synctest.Wait()
		go func() {
			_, err := g.Do(1, nil)
			shared <- err
		}()
		synctest.Wait()
		close(end)
		if p := <-panicked; p != "no" {
			t.Errorf("recovered %v", p)
		}
		if err := <-shared; !errors.Is(err, coalesce.ErrPanicked) {
			t.Errorf("who shared it got %v", err)
		}
		if n, err := g.Do(1, func() (int, error) { return 2, nil }); n != 2 || err != nil {
			t.Errorf("afterwards: %d, %v", n, err)
		}
	})
}

func TestGroup_NilSharesNothing(t *testing.T) {
	var g *coalesce.Group[int, int]
	if n, err := g.Do(1, func() (int, error) { return 2, nil }); n != 2 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}
