package ollama

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// visit makes a call that ends at once, and returns the name of its server.
func (o *office) visit(t *testing.T, affinity uint64) string {
	t.Helper()
	s, err := o.enter(t.Context(), Turn{Affinity: affinity}, "m", o.servers, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	o.leave(s, "")
	return s.name
}

func TestPick_SpreadsAffinities(t *testing.T) {
	for _, names := range []string{"a b", "a b c", "gpu1:11434 gpu2:11434 gpu3:11434 gpu4:11434", "gpu/a gpu/b"} {
		o, calls := newOffice(0, 0, 0, strings.Fields(names)...), map[string]int{}
		const each = 2000
		for range each * len(o.servers) {
			calls[o.visit(t, rand.Uint64())]++
		}
		for _, s := range o.servers {
			if n := calls[s.name]; n < each*9/10 || n > each*11/10 {
				t.Errorf("%s: %d calls at %s, want about %d", names, n, s.name, each)
			}
		}
	}
}

// Only the calls of a server that is away go elsewhere, and come back with it.
func TestPick_AffinityFailover(t *testing.T) {
	o := newOffice(0, 0, 0, "a", "b", "c")
	at := func() (all []string) {
		for affinity := range uint64(100) {
			all = append(all, o.visit(t, affinity+1))
		}
		return all
	}
	before := at()
	a := &o.servers[0].breaker
	a.probe = func() error { return errDead }
	trip(a)
	others := map[string]int{}
	for i, name := range at() {
		switch {
		case name == "a":
			t.Errorf("%d: at the server that is away", i)
		case before[i] == "a":
			others[name]++
		case name != before[i]:
			t.Errorf("%d: at %s, before at %s", i, name, before[i])
		}
	}
	if others["b"] == 0 || others["c"] == 0 {
		t.Errorf("the calls of a went to %v", others)
	}
	a.onClose = func() {}
	a.succeeded()
	if after := at(); !slices.Equal(after, before) {
		t.Errorf("at %s, before at %s", after, before)
	}
}

// A call that waits takes the first place that it gets.
func TestQueue_WaitsForNoAffinity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(1, 10, time.Minute, "a", "b")
		for affinity := range uint64(20) {
			busy := o.servers
			for _, s := range busy {
				if _, err := o.enter(t.Context(), Turn{}, "m", []*server{s}, time.Now()); err != nil {
					t.Fatal(err)
				}
			}
			begun := time.Now()
			o.call(t.Context(), Turn{User: fmt.Sprint(affinity), Affinity: affinity + 1})
			for i := range busy { // b, then a
				time.Sleep(time.Second)
				o.leave(busy[1-i], "")
			}
			o.calls.Wait()
			if took := time.Since(begun); took != 2*time.Second {
				t.Errorf("%d took %v, of which it should wait one second", affinity, took)
			}
		}
	})
}
