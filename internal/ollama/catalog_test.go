package ollama

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A list is used while a new one is asked for, but not once it is old: then the
// call waits.
func TestNoCallGoesByAnOldList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var holder atomic.Value
		c := &Client{}
		for _, name := range []string{"s", "t"} {
			s := &server{name: name}
			s.catalog = cached[map[string]bool]{freshFor: catalogFreshFor, ask: func(context.Context) (map[string]bool, error) {
				time.Sleep(time.Second)
				return map[string]bool{"m": name == holder.Load()}, nil
			}}
			c.servers = append(c.servers, s)
		}
		for _, x := range []struct {
			after time.Duration
			moves string // to where the model is
			goes  string // to where the call goes
			waits time.Duration
		}{
			{0, "s", "s", time.Second},
			{catalogFreshFor, "t", "s", 0},
			{time.Second, "t", "s", 0}, // the list is renewed behind this call
			{2 * time.Second, "t", "t", 0},
			{catalogOldAfter, "s", "s", time.Second},
		} {
			time.Sleep(x.after)
			holder.Store(x.moves)
			begun := time.Now()
			holders, err := c.holders(t.Context(), "m")
			if err != nil || len(holders) != 1 || holders[0].name != x.goes || time.Since(begun) != x.waits {
				t.Errorf("%+v: %d holders, %v, after %v", x, len(holders), err, time.Since(begun))
			}
		}
	})
}
