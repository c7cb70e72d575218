package migrate

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"
)

// sayEvery is how often it is said what is being waited for.
var sayEvery = 5 * time.Second

// waiting says in the log, again and again, what is being waited for.
type waiting struct{ what atomic.Pointer[string] }

// newWaiting says it until stop is called.
func newWaiting(ctx context.Context, what string) (w *waiting, stop func()) {
	w = new(waiting)
	w.on(what)
	ctx, stop = context.WithCancel(ctx)
	go func() {
		began, every := time.Now(), time.NewTicker(sayEvery)
		defer every.Stop()
		for {
			select {
			case <-every.C:
				slog.WarnContext(ctx, "waiting", "for", *w.what.Load(), "waited", time.Since(began).Round(time.Second).String())
			case <-ctx.Done():
				return
			}
		}
	}()
	return w, stop
}

// on replaces what is being waited for.
func (w *waiting) on(what string) { w.what.Store(&what) }
