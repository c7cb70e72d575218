package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/internal/apptest"
	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// TestLedger_KilledReplicas compares the ledger with the upstream under calls of every kind, of which clients abort three in
// ten, on replicas that are killed at random and start again: every call that the upstream served has one record, but for those of
// the last second before a kill, which the record of a lease pays for; those that are exact have the upstream's counts; those that are
// estimated miss at most what came within one checkpoint; and nothing stays reserved. It fails without checkpoints, when a settlement
// leaves its reservation behind, and when a lease says that less of it is produced.
//
// PADDOCK_PROOF=full makes it 10,000 calls and 20 kills, on three replicas over PostgreSQL and on one over SQLite.
func TestLedger_KilledReplicas(t *testing.T) {
	t.Parallel()
	calls, kills := 1000, 6
	if os.Getenv("PADDOCK_PROOF") == "full" {
		calls, kills = 10_000, 20
	}
	for name, c := range map[string]struct {
		database string
		replicas int
	}{"sqlite": {storetest.SQLite(t), 1}, "postgres": {storetest.PostgreSQL(t), 3}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			upstream := newTruth(t)
			env := onItsOwn(t).with(environment{
				"DATABASE_URL": c.database, "OLLAMA_BASE_URL": upstream.URL, "OLLAMA_MAX_INFLIGHT": "16",
				"DEFAULT_TOKENS_PER_DAY": "1000000000", "LOG_LEVEL": "info",
			})
			l := &load{calls: calls, urls: make([]string, c.replicas)}
			replicas := make([]*process, c.replicas)
			for slot := range replicas {
				replicas[slot] = start(t, env, "serve")
				l.urls[slot] = replicas[slot].url(t)
			}
			a := &apptest.App{URL: l.urls[0], AdminKey: bootstrapKey(t, replicas...)}
			for range 4 {
				l.keys = append(l.keys, a.NewPerson(t, "user").Key)
			}
			begun := time.Now()
			done := l.run(t.Context(), 40)
			points := make([]int, kills)
			for i := range points {
				points[i] = rand.IntN(calls * 9 / 10)
			}
			slices.Sort(points)
			var killed []time.Time
			for _, at := range points {
				l.wait(t, int64(at))
				slot := rand.IntN(c.replicas)
				_ = replicas[slot].Process.Kill()
				killed = append(killed, time.Now())
				<-replicas[slot].ended
				replicas[slot] = start(t, env, "serve")
				l.moved(slot, replicas[slot].url(t))
			}
			done.Wait()
			took := time.Since(begun)
			ended := time.Now()
			if c.replicas > 1 { // of one all that is left is its own
				s := storetest.Open(t, c.database)
				for reservations(t, s) > 0 && time.Since(ended) < time.Minute {
					time.Sleep(100 * time.Millisecond)
				}
			}
			swept := time.Since(ended)
			for _, p := range replicas {
				p.stop(t)
				for line := range strings.Lines(p.stderr.String()) {
					if strings.Contains(line, `"level":"ERROR"`) || strings.Contains(line, "panic") {
						t.Error(line)
					}
				}
			}
			s := storetest.Open(t, c.database)
			if n := reservations(t, s); n > 0 {
				t.Errorf("%d reservations are left", n)
			}
			t.Logf("%v for the calls, %v until nothing was reserved; %v", took.Round(time.Millisecond), swept.Round(time.Millisecond), compare(t, upstream, s, killed))
		})
	}
}

func reservations(t *testing.T, s *store.Store) int {
	t.Helper()
	n, err := s.Reservation.Query().Count(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// patienceOfCheckpoints is a checkpoint, and as much again for a busy machine.
const patienceOfCheckpoints = 2 * time.Second

// tally is what compare has seen.
type tally struct{ served, exact, estimated, unserved, unrecorded, leases, tokens, lost int64 }

// keyOf returns which of the load's keys, of which there are four, has made the call to the model.
func keyOf(t *testing.T, model string) int {
	t.Helper()
	_, tag, _ := strings.Cut(model, ":c")
	n, err := strconv.Atoi(tag)
	if err != nil {
		t.Fatal(err)
	}
	return n % 4
}

func (n tally) String() string {
	return fmt.Sprintf("%d calls served: %d exact (%d tokens), %d estimated (%d tokens less than were served), %d paid for by %d leases; "+
		"%d admitted and never sent", n.served, n.exact, n.tokens, n.estimated, n.lost, n.unrecorded, n.leases, n.unserved)
}

// compare holds the ledger against what the upstream has served.
func compare(t *testing.T, upstream *truth, s *store.Store, killed []time.Time) (n tally) {
	t.Helper()
	upstream.mu.Lock()
	defer upstream.mu.Unlock()
	used, requests := map[uuid.UUID]int64{}, map[uuid.UUID]int64{}
	seen := map[string]bool{}
	leased, owners := map[uuid.UUID]int64{}, map[int]uuid.UUID{}
	const query = `SELECT kind, user_id, model, prompt_tokens, completion_tokens, estimated, outcome FROM usage_records`
	err := s.Read(store.Slow(t.Context()), query, nil, func(row store.Row) error {
		var user uuid.UUID
		var kind, model, outcome string
		var prompt, completion int64
		var estimated bool
		if err := row.Scan(&kind, &user, &model, &prompt, &completion, &estimated, &outcome); err != nil {
			return err
		}
		used[user] += prompt + completion
		requests[user]++
		if kind == "lease" {
			leased[user] += completion
			n.leases++
			return nil
		}
		owners[keyOf(t, model)] = user
		if seen[model] {
			t.Errorf("%s has two records", model)
		}
		seen[model] = true
		call := upstream.served[model]
		switch {
		case call == nil:
			n.unserved++
			if completion != 0 || !estimated {
				t.Errorf("%s was never sent, and its record says %d tokens, estimated: %t", model, completion, estimated)
			}
		case !estimated:
			n.exact++
			n.tokens += prompt + completion
			if !call.counted || prompt != call.prompt || completion != call.completion {
				t.Errorf("%s: exactly %d and %d tokens, but served were %+v", model, prompt, completion, *call)
			}
		default:
			n.estimated++
			n.lost += int64(len(call.pieces)) - completion
			compareEstimate(t, model, outcome, call, completion)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	unpaid := map[uuid.UUID]int64{}
	for model, call := range upstream.served {
		n.served++
		// What a replica has sent can come after it was killed.
		short := slices.ContainsFunc(killed, func(at time.Time) bool { return at.Sub(call.began).Abs() < patienceOfCheckpoints })
		if call.requests != 1 || !seen[model] && !short {
			t.Errorf("%s: served %d times, has a record: %t", model, call.requests, seen[model])
		}
		if !seen[model] {
			n.unrecorded++
			unpaid[owners[keyOf(t, model)]] += max(int64(len(call.pieces)), call.prompt+call.completion)
		}
	}
	for user, tokens := range unpaid {
		if tokens > leased[user] {
			t.Errorf("%d tokens were served without a record, and the leases paid for %d", tokens, leased[user])
		}
	}
	for _, p := range s.UsagePeriod.Query().AllX(t.Context()) {
		if p.Used != used[p.UserID] || p.Requests != requests[p.UserID] || p.Reserved != 0 {
			t.Errorf("period %s: %d used, %d calls, %d reserved; the records say %d and %d", p.Period, p.Used, p.Requests, p.Reserved,
				used[p.UserID], requests[p.UserID])
		}
	}
	return n
}

// compareEstimate: of what was served, all that came earlier than one checkpoint before the end is known.
func compareEstimate(t *testing.T, model, outcome string, call *served, completion int64) {
	t.Helper()
	pieces := int64(len(call.pieces))
	switch {
	case completion > pieces:
		t.Errorf("%s: %d tokens, but %d were served", model, completion, pieces)
	case completion < pieces:
		if late := call.pieces[pieces-1].Sub(call.pieces[completion]); late > patienceOfCheckpoints {
			t.Errorf("%s (%s): %d tokens of %d; the first that is missing came %v before the last", model, outcome, completion, pieces, late)
		}
	}
}
