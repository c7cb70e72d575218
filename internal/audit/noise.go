package audit

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/paddock-gate/paddock/ent/schema"
	"github.com/paddock-gate/paddock/internal/caller"
)

const (
	// noiseWindow is how long the same refusal from the same network is aggregated into one entry.
	noiseWindow = time.Minute
	// noiseKinds bounds the memory: more kinds at once than this are counted as one.
	noiseKinds = 4096
)

// Noise aggregates refusals that anybody can cause, so that they cannot fill the database: the first of a kind from a network
// is written at once, further ones within a minute make one more entry with their number.
type Noise struct {
	log   *Log
	mu    sync.Mutex
	heard map[noiseKind]*heard
}

type noiseKind struct {
	event   Type
	network string
}

// heard is what came after the first of a kind.
type heard struct {
	since time.Time
	more  int
	last  Event
	by    caller.Caller // of the last
}

// NewNoise returns the aggregator of the log. Run must run for the numbers to be written.
func NewNoise(l *Log) *Noise { return &Noise{log: l, heard: map[noiseKind]*heard{}} }

// Add counts the event, and writes it at once if it is the first of its kind.
func (n *Noise) Add(ctx context.Context, e Event) {
	if n.isFirst(e, caller.From(ctx)) {
		n.write(ctx, e)
	}
}

// Refuse is Log.Refuse with aggregation.
func (n *Noise) Refuse(ctx context.Context, answer error, detail string) error {
	n.Add(ctx, Event{Type: AccessDenied, Outcome: Denied, Detail: detail})
	return answer
}

// isFirst counts the event.
func (n *Noise) isFirst(e Event, c *caller.Caller) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	kind := noiseKind{e.Type, c.Network()}
	h, known := n.heard[kind]
	if !known && len(n.heard) >= noiseKinds {
		kind.network = "others"
		h, known = n.heard[kind]
	}
	if !known {
		n.heard[kind] = &heard{since: time.Now()}
		return true
	}
	h.more++
	h.last, h.by = remembered(e), rememberedCaller(c)
	return false
}

// remembered returns the event with texts no longer than its entry holds: there can be thousands, and they are untrusted.
func remembered(e Event) Event {
	e.ActorEmail = strings.Clone(Fit(e.ActorEmail, schema.AuditEmailBytes))
	e.Detail = strings.Clone(Fit(e.Detail, schema.AuditDetailBytes))
	return e
}

// rememberedCaller is what an entry takes of the caller.
func rememberedCaller(c *caller.Caller) caller.Caller {
	return caller.Caller{
		UserID:       c.UserID,
		Email:        c.Email,
		CredentialID: c.CredentialID,
		SessionID:    c.SessionID,
		IP:           c.IP,
		UserAgent:    strings.Clone(Fit(c.UserAgent, schema.AuditUserAgentBytes)),
		RequestID:    strings.Clone(Fit(c.RequestID, schema.AuditRequestIDBytes)),
	}
}

// Run writes the numbers as their windows end, and all that are left when ctx does.
func (n *Noise) Run(ctx context.Context) {
	ticker := time.NewTicker(noiseWindow / 12)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			n.flush(context.WithoutCancel(ctx), time.Now())
			return
		case now := <-ticker.C:
			n.flush(ctx, now.Add(-noiseWindow))
		}
	}
}

// flush writes the numbers of the windows that began by then.
func (n *Noise) flush(ctx context.Context, then time.Time) {
	for _, h := range n.take(then) {
		if h.more > 0 {
			h.last.Detail = fmt.Sprintf("%d more since %s; the last: %s", h.more, h.since.UTC().Format(time.RFC3339), h.last.Detail)
			n.write(caller.With(ctx, &h.by), h.last)
		}
	}
}

func (n *Noise) take(then time.Time) []*heard {
	n.mu.Lock()
	defer n.mu.Unlock()
	var over []*heard
	for kind, h := range n.heard {
		if !h.since.After(then) {
			delete(n.heard, kind)
			over = append(over, h)
		}
	}
	return over
}

func (n *Noise) write(ctx context.Context, e Event) {
	if err := n.log.Record(ctx, e); err != nil {
		slog.ErrorContext(ctx, "refusal not audited", "event_type", string(e.Type), "error", err)
	}
}
