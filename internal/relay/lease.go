package relay

import (
	"context"
	"time"
)

// lingering is how long a whole answer may still come in when its client has gone: the upstream is to stop within a second.
const lingering = 500 * time.Millisecond

// lease is how long an upstream may work for a client: until that one goes, or a little longer when all of the work is done
// and only its counts are wanted.
type lease struct {
	client context.Context //nolint:containedctx // of this one call
	ctx    context.Context //nolint:containedctx // for the upstream
	cancel context.CancelFunc
	stop   func() bool // leaves ctx alone when the client goes
}

func newLease(client context.Context) *lease {
	l := &lease{client: client}
	l.ctx, l.cancel = context.WithCancel(context.WithoutCancel(client))
	l.stop = context.AfterFunc(client, l.cancel)
	return l
}

// extend has the client's going end the work only after some time.
func (l *lease) extend() {
	if l.stop() {
		l.stop = context.AfterFunc(l.client, func() { time.AfterFunc(lingering, l.cancel) })
	}
}

func (l *lease) end() {
	l.stop()
	l.cancel()
}
