package audit

import (
	"context"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/ent/db/auditentry"
	"github.com/paddock-gate/paddock/internal/caller"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

func from(ctx context.Context, address string) context.Context {
	return caller.With(ctx, &caller.Caller{IP: netip.MustParseAddr(address), UserAgent: "curl"})
}

// written are all entries, oldest first.
func written(t *testing.T, n *Noise) []*db.AuditEntry {
	t.Helper()
	entries, err := n.log.store.AuditEntry.Query().Order(auditentry.ByOccurredAt(), auditentry.ByID()).All(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

func TestNoise_OneEntryAndANumber(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		n := NewNoise(Open(storetest.Open(t, url)))
		denied := func(detail string) Event { return Event{Type: AccessDenied, Outcome: Denied, Detail: detail} }
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() { n.Add(from(t.Context(), "192.0.2.1"), denied("first")) })
		}
		all.Wait()
		n.Add(from(t.Context(), "192.0.2.1"), denied("last"))
		n.Add(from(t.Context(), "192.0.2.1"), Event{Type: LoginThrottled, Outcome: Denied, ActorEmail: "ada@example.com"}) // another kind
		n.Add(from(t.Context(), "2001:db8::1"), denied("elsewhere"))
		n.Add(from(t.Context(), "2001:db8::ffff"), denied("the same network"))
		if got := written(t, n); len(got) != 3 {
			t.Fatalf("%d entries at once, want 3: %v", len(got), got)
		}
		n.flush(t.Context(), time.Now().Add(-noiseWindow)) // too early for all
		if got := written(t, n); len(got) != 3 {
			t.Errorf("%d entries within the minute", len(got))
		}
		n.flush(t.Context(), time.Now())
		var told []string
		for _, e := range written(t, n)[3:] {
			_, last, _ := strings.Cut(e.Detail, "; ")
			count, _, _ := strings.Cut(e.Detail, " since ")
			told = append(told, fmt.Sprint(e.EventType, " ", e.Outcome, " ", e.IP, " ", e.UserAgent, " ", count, " ", last))
		}
		slices.Sort(told)
		want := []string{
			"access_denied denied 192.0.2.1 curl 50 more the last: last",
			"access_denied denied 2001:db8::ffff curl 1 more the last: the same network",
		}
		if !slices.Equal(told, want) {
			t.Errorf("%q, want %q", told, want)
		}
		// After that the next one is a first again.
		n.Add(from(t.Context(), "192.0.2.1"), denied("again"))
		if got := written(t, n); len(got) != 6 || got[5].Detail != "again" {
			t.Errorf("%d entries", len(got))
		}
	})
}

func TestNoise_WrittenWhenTheServerStops(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		n := NewNoise(Open(storetest.Open(t, url)))
		ctx, stop := context.WithCancel(t.Context())
		var run sync.WaitGroup
		run.Go(func() { n.Run(ctx) })
		for range 3 {
			n.Add(from(ctx, "192.0.2.1"), Event{Type: AccessDenied, Outcome: Denied})
		}
		stop()
		run.Wait()
		if got := written(t, n); len(got) != 2 || !strings.HasPrefix(got[1].Detail, "2 more since ") {
			t.Errorf("%v", got)
		}
	})
}

// TestNoise_KeepsNoMoreThanTheEntryHolds: what they write may be as long as a header, and from many networks.
func TestNoise_KeepsNoMoreThanTheEntryHolds(t *testing.T) {
	n := NewNoise(Open(storetest.Open(t, storetest.SQLite(t))))
	const networks, long = 1024, 32 << 10
	for i := range 2 * networks {
		text := strings.Repeat("x", long)
		c := &caller.Caller{
			IP:        netip.AddrFrom4([4]byte{10, 0, byte(i % networks >> 8), byte(i)}),
			UserAgent: text, RequestID: text, Roles: make([]string, long/16),
		}
		n.isFirst(Event{Type: AccessDenied, ActorEmail: text, Detail: text}, c)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	counted := len(n.take(time.Now())) // lets go of all
	runtime.GC()
	runtime.ReadMemStats(&after)
	if kept := int(before.HeapAlloc) - int(after.HeapAlloc); counted != networks || kept > counted*4<<10 {
		t.Errorf("%d bytes were kept for %d networks", kept, counted)
	}
}

func TestNoise_BoundedMemory(t *testing.T) {
	n := NewNoise(Open(storetest.Open(t, storetest.SQLite(t))))
	c := &caller.Caller{}
	for i := range 3 * noiseKinds {
		c.IP = netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})
		n.isFirst(Event{Type: AccessDenied}, c)
	}
	if len(n.heard) > noiseKinds+1 {
		t.Errorf("%d kinds are kept", len(n.heard))
	}
	total := 0
	for _, h := range n.take(time.Now()) {
		total += 1 + h.more
	}
	if total != 3*noiseKinds {
		t.Errorf("%d were counted of %d", total, 3*noiseKinds)
	}
}
