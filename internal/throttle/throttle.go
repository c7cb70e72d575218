// Package throttle slows down the guessing of passwords.
package throttle

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	// freeGuesses may fail for an account from a network before the waits begin; then each failure doubles the wait.
	freeGuesses = 5
	firstWait   = time.Second
	longestWait = 15 * time.Minute
	// networkFailures may come from a network in a minute, whatever the accounts.
	networkFailures = 30
	// tracksKept bounds the memory, to some 15 MB. Evicting the tracks of others costs a hash for each.
	tracksKept = 1 << 15
	// accountForgotten after so long without another failure.
	accountForgotten = time.Hour
	// knownKept accounts are known by networks that they have signed in from.
	knownKept = 1 << 14
	// guessesWaiting is how many may wait for the verdict on others.
	guessesWaiting = 256
)

// errCrowded is the error of a guess that would have to wait behind too many others.
var errCrowded = errors.New("too many guesses wait already")

// Throttle slows down the guessing of passwords: never by locking an account, always by account and network together, so
// that guesses from elsewhere do not lock the owner out.
//
// A guess that is still being hashed counts as a failure until its outcome is known, so that concurrent guesses get no more
// tries than sequential ones; guesses beyond wait for those to end.
type Throttle struct {
	mu     sync.Mutex
	tracks map[string]*track // those with failures or pending guesses
	known  map[string]bool   // accounts with a network that they have signed in from
}

// track is what is known of one account from one network, or of one network.
type track struct {
	failures int
	since    time.Time // of the account's last failure; of the first in the network's minute
	until    time.Time // refused until then
	pending  int
	waiting  int
	settled  chan struct{} // closed when a pending guess ends; nil if none waits
}

// New returns a throttle that knows of no failures.
func New() *Throttle { return &Throttle{tracks: map[string]*track{}, known: map[string]bool{}} }

// Guess is a permission to try a password once. The first call of one of its methods counts, and one must be called.
type Guess struct {
	throttle           *Throttle
	accountKey, netKey string
	account, network   *track
	settled            bool
}

// Begin asks for a guess at the account from the network. A positive wait means that it is refused for so long. It blocks
// while as many guesses as are free are being hashed, at the most until ctx ends.
func (t *Throttle) Begin(ctx context.Context, account, network string) (g *Guess, wait time.Duration, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	g = &Guess{throttle: t, accountKey: account + "\x00" + network, netKey: "\x00" + network}
	for {
		now := time.Now()
		g.account, g.network = t.find(g.accountKey, now, accountForgotten), t.find(g.netKey, now, time.Minute)
		if wait := max(g.account.until.Sub(now), g.network.until.Sub(now)); wait > 0 {
			return nil, wait, nil
		}
		full := g.full()
		if full == nil {
			t.start(g, now)
			return g, 0, nil
		}
		if err := t.await(ctx, full); err != nil {
			return nil, 0, err
		}
	}
}

// full returns the track that allows no guess until a pending one ends. After the free guesses it allows one at a time.
func (g *Guess) full() *track {
	if g.account.pending > 0 && g.account.failures+g.account.pending >= freeGuesses {
		return g.account
	}
	if g.network.failures+g.network.pending >= networkFailures {
		return g.network
	}
	return nil
}

// find returns what is known under the key, without failures that are over.
func (t *Throttle) find(key string, now time.Time, over time.Duration) *track {
	tr, ok := t.tracks[key]
	if !ok {
		return new(track)
	}
	if tr.failures > 0 && now.Sub(tr.since) >= over {
		tr.failures = 0
	}
	return tr
}

// start counts the guess as pending.
func (t *Throttle) start(g *Guess, now time.Time) {
	if len(t.tracks) >= tracksKept {
		t.forget(now)
	}
	t.tracks[g.accountKey], t.tracks[g.netKey] = g.account, g.network
	g.account.pending++
	g.network.pending++
}

// await waits until a guess that is pending on the track ends. mu must be held; it is released meanwhile.
func (t *Throttle) await(ctx context.Context, tr *track) error {
	if tr.waiting >= guessesWaiting {
		return errCrowded
	}
	if tr.settled == nil {
		tr.settled = make(chan struct{})
	}
	settled := tr.settled
	tr.waiting++
	t.mu.Unlock()
	defer func() {
		t.mu.Lock()
		tr.waiting--
	}()
	select {
	case <-settled:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// forget evicts the tracks that have expired, and if those are fewer than an eighth of all, others up to that.
func (t *Throttle) forget(now time.Time) {
	for key, tr := range t.tracks {
		if tr.pending == 0 && now.Sub(tr.since) >= accountForgotten {
			delete(t.tracks, key)
		}
	}
	for key, tr := range t.tracks {
		if len(t.tracks) <= tracksKept*7/8 {
			return
		}
		if tr.pending == 0 {
			delete(t.tracks, key)
		}
	}
}

// Succeed clears the account's failures from this network.
func (g *Guess) Succeed() {
	g.end(func(time.Time) {
		g.account.failures, g.account.until = 0, time.Time{}
		g.throttle.remember(g.accountKey)
	})
}

// remember notes that an account has signed in from a network, and forgets any other if there are too many. mu must be held.
func (t *Throttle) remember(key string) {
	if len(t.known) >= knownKept && !t.known[key] {
		for other := range t.known {
			delete(t.known, other)
			break
		}
	}
	t.known[key] = true
}

// Known reports whether the account has signed in from the network since the server began, as far as that is remembered.
func (g *Guess) Known() bool {
	g.throttle.mu.Lock()
	defer g.throttle.mu.Unlock()
	return g.throttle.known[g.accountKey]
}

// Failed reports whether guesses of the network have failed of late.
func (g *Guess) Failed() bool {
	g.throttle.mu.Lock()
	defer g.throttle.mu.Unlock()
	return g.account.failures > 0 || g.network.failures > 0
}

// Fail counts the failure.
func (g *Guess) Fail() {
	g.end(func(now time.Time) {
		a, n := g.account, g.network
		a.failures++
		a.since = now
		if over := a.failures - freeGuesses; over >= 0 {
			a.until = now.Add(min(firstWait<<min(over, 20), longestWait))
		}
		n.failures++
		if n.failures == 1 {
			n.since = now
		}
		if n.failures >= networkFailures {
			n.until = n.since.Add(time.Minute)
		}
	})
}

// Withdraw forgets the guess: its outcome is not known.
func (g *Guess) Withdraw() { g.end(func(time.Time) {}) }

func (g *Guess) end(count func(now time.Time)) {
	t := g.throttle
	t.mu.Lock()
	defer t.mu.Unlock()
	if g.settled {
		return
	}
	g.settled = true
	count(time.Now())
	t.settle(g.accountKey, g.account)
	t.settle(g.netKey, g.network)
}

func (t *Throttle) settle(key string, tr *track) {
	tr.pending--
	if tr.settled != nil {
		close(tr.settled)
		tr.settled = nil
	}
	if tr.pending == 0 && tr.failures == 0 {
		delete(t.tracks, key)
	}
}
