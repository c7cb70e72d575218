package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"connectrpc.com/connect"

	"github.com/paddock-gate/paddock/internal/apierr"
)

// What is promised: that 95 of 100 calls of a kind are answered in this time, at so many calls a second.
const (
	promisedMetadata    = 150 * time.Millisecond // sign-ins and what is looked up
	promisedCredentials = 400 * time.Millisecond // API keys
	promisedRate        = 200
)

// promises are all calls that are made, in the order of the table.
var promises = []struct {
	call string
	p95  time.Duration
}{
	{"Login", promisedMetadata},
	{"Refresh", promisedMetadata},
	{"Logout", promisedMetadata},
	{"WhoAmI, session", promisedMetadata},
	{"WhoAmI, API key", promisedMetadata},
	{"ListSessions", promisedMetadata},
	{"ListUsers", promisedMetadata},
	{"GetUser", promisedMetadata},
	{"ListAuditEntries", promisedMetadata},
	{"ListAuditEntries, one type", promisedMetadata},
	{"IssueApiKey", promisedCredentials},
	{"ListCredentials", promisedCredentials},
	{"RevokeCredential", promisedCredentials},
}

// results are what has been measured.
type results struct {
	server string
	rate   int // that was asked for
	atOnce int
	took   time.Duration

	mu       sync.Mutex
	calls    map[string]*tally
	failures map[string]int // by what is shown of them
}

// tally is what became of the calls of a name.
type tally struct {
	took   []time.Duration // of those that succeeded
	failed int
}

func (r *results) add(name string, took time.Duration, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.calls[name]
	if t == nil {
		t = &tally{}
		r.calls[name] = t
	}
	if err == nil {
		t.took = append(t.took, took)
		return
	}
	t.failed++
	if r.failures == nil {
		r.failures = map[string]int{}
	}
	r.failures[name+": "+describe(err)]++
}

// describe returns the code, the reason and the message of a refusal, which are the same for all of a kind.
func describe(err error) string {
	var refusal *connect.Error
	if !errors.As(err, &refusal) {
		return err.Error()
	}
	if reason := apierr.ReasonOf(refusal); reason != "" {
		return fmt.Sprintf("%v %s: %s", refusal.Code(), reason, refusal.Message())
	}
	return refusal.Error()
}

// print writes the table and reports whether every promise was kept.
func (r *results) print(out io.Writer) bool {
	fmt.Fprintf(out, "\n%s: %s, %d at once, for %.0f s\n\n", r.server, r.asked(), r.atOnce, r.took.Seconds())
	fmt.Fprintf(out, "%-27s %7s %7s %8s %8s %8s %9s\n", "milliseconds", "calls", "failed", "p50", "p95", "p99", "promised")
	kept, done := true, 0
	for _, p := range promises {
		t := r.calls[p.call]
		if t == nil {
			fmt.Fprintf(out, "%-27s %7d %7d %8s %8s %8s %9d  not called\n", p.call, 0, 0, "", "", "", p.p95.Milliseconds())
			kept = false
			continue
		}
		slices.Sort(t.took)
		p95 := percentile(t.took, 95)
		good := t.failed == 0 && p95 <= p.p95
		kept, done = kept && good, done+len(t.took)
		fmt.Fprintf(out, "%-27s %7d %7d %8.1f %8.1f %8.1f %9d  %s\n", p.call, len(t.took)+t.failed, t.failed,
			ms(percentile(t.took, 50)), ms(p95), ms(percentile(t.took, 99)), p.p95.Milliseconds(), verdict(good))
	}
	perSecond := float64(done) / max(r.took.Seconds(), 0.001)
	enough := perSecond >= promisedRate
	fmt.Fprintf(out, "\n%.0f calls a second, of %d promised: %s\n", perSecond, promisedRate, verdict(enough))
	for _, failure := range slices.Sorted(maps.Keys(r.failures)) {
		fmt.Fprintf(out, "%d × %s\n", r.failures[failure], failure)
	}
	return kept && enough
}

// asked says how fast the calls were to follow each other.
func (r *results) asked() string {
	if r.rate == 0 {
		return "as many calls as are answered"
	}
	return fmt.Sprintf("%d calls a second at most", r.rate)
}

func verdict(good bool) string {
	if good {
		return "kept"
	}
	return "MISSED"
}

// percentile returns the value that so many of a hundred do not exceed, of sorted ones; 0 of none.
func percentile(sorted []time.Duration, percent int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[(len(sorted)*percent+99)/100-1]
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
