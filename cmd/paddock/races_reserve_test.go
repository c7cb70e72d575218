package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/ent/db/usageperiod"
	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// spenders spend the quota of one user on replicas that come and go.
type spenders struct {
	*load

	upstream *truth
	store    *store.Store
	user     string
	limit    int64
	from     int64 // the number of the call before the first one
}

// TestRaces_ReserveKilled has many callers spend quotas to their ends on three replicas that are killed all the time: at no moment is more
// charged and reserved than there is, nor more served, and once the dead replicas' reservations are settled none is left.
func TestRaces_ReserveKilled(t *testing.T) {
	t.Parallel()
	upstream, database := newTruth(t), storetest.PostgreSQL(t)
	env := onItsOwn(t).with(environment{"DATABASE_URL": database, "OLLAMA_BASE_URL": upstream.URL, "MAX_STREAMS_PER_USER": "500"})
	l := &load{urls: make([]string, 3)}
	replicas := make([]*process, len(l.urls))
	for slot := range replicas {
		replicas[slot] = start(t, env, "serve")
		l.urls[slot] = replicas[slot].url(t)
	}
	a := &apptest.App{URL: l.urls[0], AdminKey: bootstrapKey(t, replicas...)}
	s := storetest.Open(t, database)
	var all []*spenders
	kills := 0
	for round := range max(2, raceRounds(0)/4) {
		a.URL = l.url()
		p := a.NewPerson(t, "user")
		limit := []int64{6000, 600}[round%2] // with leases, and without
		_, err := a.Admin().Usage.SetQuota(t.Context(), &paddockv1.SetQuotaRequest{UserId: p.GetId(), TokensPerDay: &limit, TokensPerMonth: &limit})
		must(t, err)
		u := &spenders{load: l, upstream: upstream, store: s, user: p.GetId(), limit: limit, from: l.begun.Load()}
		all = append(all, u)
		done := u.spend(t, p.Key)
		for u.within(t); !isClosed(done); u.within(t) {
			time.Sleep(time.Duration(rand.IntN(400)) * time.Millisecond)
			slot := rand.IntN(len(replicas))
			kills++
			_ = replicas[slot].Process.Kill()
			<-replicas[slot].ended
			replicas[slot] = start(t, env, "serve")
			l.moved(slot, replicas[slot].url(t))
		}
		u.compare(t)
	}
	if raceRounds(0) > 0 { // it takes half a minute until a replica is taken for dead
		for began := time.Now(); reservations(t, s) > 0 && time.Since(began) < time.Minute; time.Sleep(100 * time.Millisecond) {
		}
		if n := reservations(t, s); n > 0 {
			t.Errorf("%d reservations are left", n)
		}
		for _, u := range all {
			u.within(t)
		}
	}
	t.Logf("%d calls, %d kills", l.begun.Load(), kills)
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// spend has ten callers call until they are refused; done is closed then.
func (u *spenders) spend(t *testing.T, key string) (done <-chan struct{}) {
	t.Helper()
	var callers sync.WaitGroup
	for range 10 {
		callers.Go(func() {
			for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
				c := &modelCall{n: u.begun.Add(1), key: key, tokens: 1 + rand.IntN(12), leaveAt: -1}
				err := c.chat(t.Context(), (&apptest.App{URL: u.url()}).As(key))
				var told *connect.Error
				if errors.As(err, &told) && apptest.Reason(told) == apierr.QuotaExceeded {
					return
				}
			}
		})
	}
	ended := make(chan struct{})
	go func() {
		callers.Wait()
		close(ended)
	}()
	return ended
}

// within fails the test if more is charged and reserved than the quota.
func (u *spenders) within(t *testing.T) {
	t.Helper()
	rows, err := u.store.UsagePeriod.Query().Where(usageperiod.UserID(uuid.MustParse(u.user))).All(t.Context())
	must(t, err)
	for _, p := range rows {
		if p.Used+p.Reserved > u.limit || p.Used < 0 || p.Reserved < 0 {
			t.Errorf("%d tokens are charged and %d reserved, of %d", p.Used, p.Reserved, u.limit)
		}
	}
}

// compare fails the test if more was served than the quota, prompts as they are estimated, or nearly nothing.
func (u *spenders) compare(t *testing.T) {
	t.Helper()
	u.upstream.mu.Lock()
	defer u.upstream.mu.Unlock()
	served := int64(0)
	for n := u.from + 1; n <= u.begun.Load(); n++ {
		if call := u.upstream.served[fmt.Sprintf("tiny-slow:c%d", n)]; call != nil {
			served += 1 + max(int64(len(call.pieces)), call.completion)
		}
	}
	if served > u.limit || served < u.limit/10 {
		t.Errorf("%d tokens were served of %d", served, u.limit)
	}
}
