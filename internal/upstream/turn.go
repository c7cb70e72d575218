package upstream

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/paddock-gate/paddock/internal/fairqueue"
	"github.com/paddock-gate/paddock/internal/ollama"
	"github.com/paddock-gate/paddock/internal/telemetry"
	"github.com/paddock-gate/paddock/internal/upstream/health"
)

// enter waits for a call's turn at one of the servers that have its model; the caller
// must leave the queue.
func (p *Pool) enter(ctx context.Context, turn Turn, model string, holders []*server, begun time.Time) (*server, error) {
	call := &fairqueue.Call{User: turn.User, Batch: turn.Batch, Servers: make([]int, len(holders)), Begun: begun}
	for i, s := range holders {
		call.Servers[i] = s.index
	}
	call.Rank = func(server int) int {
		if l := p.servers[server].health.Level(model); l < health.Unhealthy {
			return int(l)
		}
		return fairqueue.Unready
	}
	if turn.Affinity != 0 {
		call.Affinity = func(server int) uint64 { return p.servers[server].closeTo(turn.Affinity) }
	}
	server, err := p.wait(ctx, call)
	if err != nil {
		return nil, err
	}
	return p.servers[server], nil
}

// wait enters the queue, and notes how long that took.
func (p *Pool) wait(ctx context.Context, call *fairqueue.Call) (server int, err error) {
	ctx, span := telemetry.Start(ctx, trace.SpanKindInternal, "queue")
	defer span.End()
	joined := time.Now()
	server, err = p.queue.Enter(ctx, call)
	telemetry.From(ctx).Queued += time.Since(joined)
	if err != nil {
		telemetry.Fail(span, "no_turn")
	}
	return server, err
}

// closeTo returns how close the server is to an affinity, by rendezvous hashing: all
// replicas of Paddock come to the same.
func (s *server) closeTo(affinity uint64) uint64 {
	h := affinity ^ s.hash
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9 // the finalizer of SplitMix64
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}

// busy is the error of calls that get no turn.
func busy(cause error, longestWait time.Duration) error {
	err := ollama.ErrBusy.WithCause(cause)
	err.RetryAfter = max(err.RetryAfter, longestWait)
	return err
}
