package coalesce_test

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/paddock-gate/paddock/internal/coalesce"
)

// groups notes which jobs were committed together; a commit waits for a value from proceed.
type groups struct {
	mu      sync.Mutex
	all     [][]int
	proceed chan struct{}
}

func (g *groups) commit(first int, next func() (int, bool)) {
	group := []int{first}
	for j, ok := next(); ok; j, ok = next() {
		group = append(group, j)
	}
	<-g.proceed
	g.mu.Lock()
	defer g.mu.Unlock()
	g.all = append(g.all, group)
}

// sizes returns how many jobs shared each commit.
func (g *groups) sizes() []int {
	g.mu.Lock()
	defer g.mu.Unlock()
	var sizes []int
	for _, group := range g.all {
		sizes = append(sizes, len(group))
	}
	return sizes
}

func put(t *testing.T, b *coalesce.Batch[int], jobs ...int) {
	t.Helper()
	for _, j := range jobs {
		go func() {
			if err := b.Put(j); err != nil {
				t.Error(err)
			}
		}()
		synctest.Wait()
	}
}

func TestBatch_JobsThatComeMeanwhileShareACommit(t *testing.T) {
	for _, c := range []struct {
		commits int
		want    []int
	}{{1, []int{1, 3, 2}}, {2, []int{1, 1, 3, 1}}} {
		synctest.Test(t, func(t *testing.T) {
			g := &groups{proceed: make(chan struct{})}
			b := coalesce.NewBatch(coalesce.BatchOptions{Commits: c.commits, Jobs: 3}, g.commit)
			put(t, b, 1, 2, 3, 4, 5, 6)
			for range c.want {
				g.proceed <- struct{}{}
				synctest.Wait()
			}
			if got := g.sizes(); !slices.Equal(got, c.want) {
				t.Errorf("%d at the same time: groups of %v, want %v", c.commits, got, c.want)
			}
			b.Close()
		})
	}
}

func TestBatch_AloneInTheCallersGoroutine(t *testing.T) {
	committed := 0 // which the race detector watches
	b := coalesce.NewBatch(coalesce.BatchOptions{Commits: 1, Jobs: 3}, func(int, func() (int, bool)) { committed++ })
	for range 3 {
		if err := b.Put(1); err != nil {
			t.Fatal(err)
		}
	}
	if committed != 3 {
		t.Errorf("%d commits", committed)
	}
}

func TestBatch_Full(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &groups{proceed: make(chan struct{})}
		b := coalesce.NewBatch(coalesce.BatchOptions{Commits: 1, Jobs: 1, Wait: time.Second}, g.commit)
		put(t, b, 1, 2, 3, 4, 5) // one is committed, four wait
		began := time.Now()
		if err := b.Put(6); !errors.Is(err, coalesce.ErrFull) || time.Since(began) != time.Second {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
		if rest := b.Rest(); !slices.Equal(rest, []int{2, 3, 4, 5}) {
			t.Errorf("rest %v", rest)
		}
		close(g.proceed)
		b.Close()
		if got := g.sizes(); !slices.Equal(got, []int{1}) {
			t.Errorf("groups of %v", got)
		}
	})
}

func TestBatch_Panic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun, end := make(chan struct{}), make(chan struct{})
		var rest []int
		b := coalesce.NewBatch(coalesce.BatchOptions{Commits: 1, Jobs: 3}, func(first int, _ func() (int, bool)) {
			if first == 1 {
				close(begun)
				<-end
				panic("no")
			}
			rest = append(rest, first)
		})
		panicked := make(chan any, 1)
		go func() {
			defer func() { panicked <- recover() }()
			_ = b.Put(1)
		}()
		<-begun
		put(t, b, 2, 3)
		close(end)
		if p := <-panicked; p != "no" {
			t.Errorf("recovered %v", p)
		}
		b.Close()
		if !slices.Equal(rest, []int{2, 3}) {
			t.Errorf("those behind: %v", rest)
		}
	})
}

func TestBatch_Close(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &groups{proceed: make(chan struct{})}
		b := coalesce.NewBatch(coalesce.BatchOptions{Commits: 1, Jobs: 3}, g.commit)
		put(t, b, 1, 2)
		closed := make(chan struct{})
		go func() {
			b.Close()
			close(closed)
		}()
		synctest.Wait()
		select {
		case <-closed:
			t.Error("closed while jobs wait")
		default:
		}
		if err := b.Put(3); !errors.Is(err, coalesce.ErrClosed) {
			t.Errorf("while it closes: %v", err)
		}
		close(g.proceed)
		<-closed
		if got := g.sizes(); !slices.Equal(got, []int{1, 1}) {
			t.Errorf("groups of %v", got)
		}
	})
}
