package apptest_test

import (
	"context"
	"maps"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/gen/paddock/v1/paddockv1connect"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// signIn tries to sign in from the network, by the protocol.
func (s *target) signIn(ctx context.Context, p protocol, network, email, password string) error {
	client := flooders[p.http2]
	_, err := paddockv1connect.NewAuthServiceClient(client, s.url, p.option, apptest.WithHeader("X-Forwarded-For", network)).
		Login(ctx, &paddockv1.LoginRequest{Email: email, Password: password})
	return err
}

// flooders are clients of many connections, by whether they speak HTTP/2.
var flooders = map[bool]*http.Client{
	false: {Transport: &http.Transport{MaxIdleConnsPerHost: 1000}, Timeout: patience},
	true:  {Transport: http2.Transport, Timeout: patience},
}

// logins is a flood of sign-ins with wrong passwords, each at its time, whether those before were answered or not.
type logins struct {
	t        testing.TB
	server   *target
	email    func() string
	network  func() string
	stop     context.CancelFunc
	work     sync.WaitGroup
	mu       sync.Mutex
	verdicts map[verdict]int
}

// ceiling returns how many passwords a second the server can check, about; in `make test`, more than it can.
func (s *target) ceiling(t testing.TB) float64 {
	t.Helper()
	if !fullProof() {
		return 20
	}
	n := 0
	began := time.Now()
	for ; time.Since(began) < 5*time.Second; n++ {
		apptest.WantReason(t, s.signIn(t.Context(), connectJSON, newNetwork(), newEmail(), "not their password"), apierr.InvalidCredentials)
	}
	return float64(n) / time.Since(began).Seconds()
}

// flood begins a flood of so many sign-ins a second.
func (s *target) flood(t testing.TB, perSecond float64, email, network func() string) *logins {
	t.Helper()
	l := &logins{t: t, server: s, email: email, network: network, verdicts: map[verdict]int{}}
	ctx, stop := context.WithCancel(t.Context())
	l.stop = stop
	t.Cleanup(func() {
		stop()
		l.work.Wait()
	})
	l.work.Go(func() {
		tick := time.NewTicker(time.Duration(float64(time.Second) / perSecond))
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				p := []protocol{connectJSON, grpcProto, grpcWebProto}[i%3]
				l.work.Go(func() { l.guess(p) })
			}
		}
	})
	return l
}

func (l *logins) guess(p protocol) {
	err := l.server.signIn(context.Background(), p, l.network(), l.email(), "not their password")
	wantToldProperly(l.t, err)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.verdicts[verdictOf(err)]++
}

// end ends the flood, and fails the test if any sign-in had another answer than that the password is wrong, that the server is busy or
// that the guesses of a network must wait, each in terms of its protocol.
func (l *logins) end() map[verdict]int {
	l.t.Helper()
	l.stop()
	l.work.Wait()
	l.t.Logf("flood: %v", l.verdicts)
	others := maps.Clone(l.verdicts)
	for _, v := range []verdict{wrongPassword, busyHashing, throttledLogin} {
		delete(others, v)
	}
	if len(others) > 0 {
		l.t.Errorf("answers: %v", others)
	}
	return l.verdicts
}

var (
	wrongPassword  = refused(connect.CodeUnauthenticated, apierr.InvalidCredentials)
	busyHashing    = refused(connect.CodeUnavailable, apierr.HashingBusy)
	throttledLogin = refused(connect.CodeResourceExhausted, apierr.LoginThrottled)
)

// hashCost are settings with which a password takes long to check, so that `make test` reaches the ceiling with few sign-ins;
// `make soak` has the default ones.
func hashCost() []string {
	env := []string{"TRUSTED_PROXIES=127.0.0.0/8", "ADMIN_BOOTSTRAP_PASSWORD=" + apptest.AdminPassword}
	if fullProof() {
		return env
	}
	return append(env, "ARGON2_TIME=4", "GOMAXPROCS=2")
}

// TestAttack_LoginFlood sends ten times as many sign-ins as the server can check: what is too much is refused in terms of its protocol,
// memory stays bounded, and who is signed in notices little: they wait at most three times as long as without the flood, in one of three
// rounds, since others use the machine, too. `make test` does not look at the time.
func TestAttack_LoginFlood(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := startTarget(t, append(hashCost(), "DATABASE_URL="+url)...)
		ceiling := s.ceiling(t)
		if !fullProof() {
			s.floodLogins(t, ceiling)
			return
		}
		for round := 1; ; round++ {
			idle := awaitIdle(t)
			switch slower := s.floodLogins(t, ceiling); {
			case !idle:
				t.Skip("how long others wait in a flood of sign-ins: not asserted: the machine has other work")
			case slower <= 3:
				return
			case round == 3:
				t.Errorf("others wait %.2f times as long", slower)
				return
			}
		}
	})
}

// floodLogins sends ten times as many sign-ins as can be checked, and returns how many times as long as before others wait then. In
// `make test`, where there may be nobody who was served meanwhile, that is not known: 0.
func (s *target) floodLogins(t *testing.T, ceiling float64) (slower float64) {
	t.Helper()
	others, peak := s.others(t), s.memoryPeak(t)
	var quiet time.Duration
	if fullProof() {
		time.Sleep(20 * time.Second)
		quiet = others.reset()
	}
	l := s.flood(t, 10*ceiling, newEmail, newNetwork)
	time.Sleep(time.Duration(scale(1, 20)) * time.Second)
	if fullProof() {
		flooded := others.reset()
		slower = flooded.Seconds() / quiet.Seconds()
		t.Logf("%.0f a second can be checked; p99 of others %s quiet, %s in the flood, ratio %.2f", ceiling, quiet, flooded, slower)
	}
	verdicts := l.end()
	others.stop()
	others.work.Wait()
	wantMemory(t, peak(), 320)
	if verdicts[busyHashing] == 0 || verdicts[wrongPassword] == 0 {
		t.Errorf("nothing was shown: %v", verdicts)
	}
	return slower
}

// awaitIdle waits until the machine's processors are idle for half of some seconds, and reports whether that came within three minutes.
// Else what others wait for is the machine.
func awaitIdle(t testing.TB) bool {
	t.Helper()
	for end := time.Now().Add(3 * time.Minute); time.Now().Before(end); {
		ran, idled := processorTime(t)
		time.Sleep(3 * time.Second)
		ranNow, idledNow := processorTime(t)
		if 2*(idledNow-idled) >= ranNow-ran {
			return true
		}
	}
	return false
}

// processorTime returns how long the machine's processors have run, and how long of that without work, in ticks.
func processorTime(t testing.TB) (ran, idled int) {
	t.Helper()
	text, err := os.ReadFile("/proc/stat")
	must(t, err)
	first, _, _ := strings.Cut(string(text), "\n")
	const idle, waiting = 3, 4 // for a disk
	for i, field := range strings.Fields(first)[1:] {
		ticks, err := strconv.Atoi(field)
		must(t, err)
		ran += ticks
		if i == idle || i == waiting {
			idled += ticks
		}
	}
	return ran, idled
}

// TestAttack_DistributedGuessing has many networks guess the admin's password, ten times as often as the server can check, while the admin
// signs in: from a network that he has never been seen in, while each of the others has failed before, and from one that he has signed in
// from, while all others are new, too. It fails when all wait in one queue.
func TestAttack_DistributedGuessing(t *testing.T) {
	t.Parallel()
	crowd := make(chan string, scale(16, 200))
	for range cap(crowd) {
		crowd <- newNetwork()
	}
	for name, c := range map[string]struct {
		guessers, admin func() string
		failed          int // guesses before the admin comes
	}{
		"some networks":           {func() string { n := <-crowd; crowd <- n; return n }, newNetwork, scale(20, 400)},
		"as many as there may be": {newNetwork, func() string { return "192.0.2.1" }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := startTarget(t, hashCost()...)
			ceiling := s.ceiling(t)
			s.persist(t, c.admin())
			l := s.flood(t, 10*ceiling, func() string { return apptest.AdminEmail }, c.guessers)
			l.saturate(c.failed)
			var tries []int
			for range scale(1, 10) {
				tries = append(tries, s.persist(t, c.admin()))
			}
			verdicts := l.end()
			if verdicts[busyHashing] == 0 {
				t.Errorf("nothing was shown: %v", verdicts)
			}
			t.Logf("the admin tried %v times", tries)
		})
	}
}

// saturate waits until so many guesses have failed, and the server has turned others away.
func (l *logins) saturate(failed int) {
	for end := time.Now().Add(8 * patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		l.mu.Lock()
		done := l.verdicts[busyHashing] >= 20 && l.verdicts[wrongPassword] >= failed
		l.mu.Unlock()
		if done {
			return
		}
	}
	l.t.Error("the flood does not reach the ceiling")
}

// persist signs the admin in from the network as a person does, who waits when he is told to, and returns how many tries that took.
func (s *target) persist(t testing.TB, network string) int {
	t.Helper()
	const most = 3
	for try := 1; ; try++ {
		err := s.signIn(t.Context(), connectJSON, network, apptest.AdminEmail, apptest.AdminPassword)
		if err == nil {
			return try
		}
		if verdictOf(err) != busyHashing || try == most {
			t.Errorf("after %d tries: %v", try, err)
			return try
		}
		time.Sleep(time.Second)
	}
}
