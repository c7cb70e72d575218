package apptest_test

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/ent/db/usageperiod"
	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
)

// quotas are one of which calls are reserved from leases until little is left, and one that is too small for leases.
var quotas = []int64{6000, 400}

// TestRaces_Reserve has many callers spend one quota to its end, on all replicas: never is more charged than there was, nor less than was
// served, and in the end nothing stays reserved.
func TestRaces_Reserve(t *testing.T) {
	eachFleet(t, apptest.Env{"MAX_STREAMS_PER_USER": "500"}, func(t *testing.T, fleet []*apptest.App) {
		served := map[string]int64{}
		limits := map[string]int64{}
		for round := range max(len(quotas), raceRounds(0)/3) {
			p := fleet[0].NewPerson(t, "user")
			limit := quotas[round%len(quotas)]
			limits[p.GetId()] = limit
			_, err := fleet[0].Admin().Usage.SetQuota(t.Context(), &paddockv1.SetQuotaRequest{
				UserId: p.GetId(), TokensPerDay: &limit, TokensPerMonth: &limit,
			})
			must(t, err)
			served[p.GetId()] = spendAll(t, fleet, p.Key, limit)
			for _, s := range periods(t, fleet[0], p.GetId()) {
				if s.Used+s.Reserved > limit {
					t.Errorf("%d tokens are charged and %d reserved, of %d", s.Used, s.Reserved, limit)
				}
			}
		}
		for deadline := time.Now().Add(20 * time.Second); reserved(t, fleet[0]) > 0; time.Sleep(50 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%d reservations are left", reserved(t, fleet[0]))
			}
		}
		for user, limit := range limits {
			for _, s := range periods(t, fleet[0], user) {
				if s.Used < min(served[user], limit) || s.Used > limit || s.Reserved != 0 || s.Used < limit/2 {
					t.Errorf("%d tokens are charged and %d reserved of %d, and %d were served", s.Used, s.Reserved, limit, served[user])
				}
			}
		}
	})
}

// spendAll makes calls by the key until all callers are refused, and returns how many tokens were served to those who stayed.
func spendAll(t *testing.T, fleet []*apptest.App, key string, limit int64) int64 {
	t.Helper()
	var served, calls atomic.Int64
	atOnce(12, func(i int) {
		as := of(fleet, i, key)
		for calls.Add(1) < limit { // a call costs more than one
			tokens, err := spend(t.Context(), as)
			served.Add(tokens)
			if !wantReasons(t, "chat", err, apierr.QuotaExceeded) {
				return
			}
		}
	})
	return served.Load()
}

// spend makes a call, which it leaves now and then, and returns what was served as far as that is known.
func spend(ctx context.Context, as *apptest.Clients) (tokens int64, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := as.Ollama.Chat(ctx, &paddockv1.ChatRequest{
		Model: "tiny-chat", Messages: []*paddockv1.ChatMessage{{Role: "user", Content: "hi"}},
		Options: &paddockv1.ChatOptions{NumPredict: new(1 + rand.Int32N(12))},
	})
	if err != nil {
		return 0, err
	}
	defer stream.Close()
	for stream.Receive() {
		if m := stream.Msg(); m.GetDone() {
			tokens = m.GetPromptTokens() + m.GetCompletionTokens()
		} else if rand.IntN(200) == 0 {
			return 0, nil
		}
	}
	return tokens, stream.Err()
}

// periods returns the sums of the user's day and month.
func periods(t *testing.T, a *apptest.App, user string) []*db.UsagePeriod {
	t.Helper()
	rows, err := a.Store.UsagePeriod.Query().Where(usageperiod.UserID(uuid.MustParse(user))).All(t.Context())
	must(t, err)
	return rows
}

func reserved(t *testing.T, a *apptest.App) int {
	t.Helper()
	n, err := a.Store.Reservation.Query().Count(t.Context())
	must(t, err)
	return n
}
