package throttle

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// try makes one guess that ends with the verdict, and returns how long it is refused for, if it is.
func try(t *testing.T, th *Throttle, account, network string, right bool) (wait time.Duration) {
	t.Helper()
	g, wait, err := th.Begin(t.Context(), account, network)
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case wait > 0:
	case right:
		g.Succeed()
	default:
		g.Fail()
	}
	return wait
}

func TestThrottle_WaitsDoubleAfterFiveFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := New()
		for i := range freeGuesses {
			if wait := try(t, th, "ada", "net", false); wait != 0 {
				t.Fatalf("guess %d is refused for %s", i+1, wait)
			}
		}
		for _, seconds := range []float64{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900} {
			want := time.Duration(seconds * float64(time.Second))
			if wait := try(t, th, "ada", "net", true); wait != want {
				t.Fatalf("the right password is refused for %s, want %s", wait, want)
			}
			time.Sleep(want - time.Millisecond)
			if wait := try(t, th, "ada", "net", true); wait != time.Millisecond {
				t.Fatalf("just before the end it is refused for %s", wait)
			}
			time.Sleep(time.Millisecond)
			if wait := try(t, th, "ada", "net", false); wait != 0 {
				t.Fatalf("after %s the next guess is refused for %s", want, wait)
			}
		}
	})
}

func TestThrottle_SuccessClearsTheAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := New()
		for range 3 {
			for range freeGuesses - 1 {
				try(t, th, "ada", "net", false)
			}
			if wait := try(t, th, "ada", "net", true); wait != 0 {
				t.Fatalf("refused for %s", wait)
			}
		}
		if len(th.tracks) != 1 { // the network's, whose failures stay
			t.Errorf("%d tracks are kept", len(th.tracks))
		}
	})
}

func TestThrottle_AnotherNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := New()
		for range freeGuesses {
			try(t, th, "ada", "thief", false)
		}
		if wait := try(t, th, "ada", "thief", true); wait == 0 {
			t.Error("the thief may go on")
		}
		if wait := try(t, th, "ada", "home", true); wait != 0 {
			t.Errorf("the owner is refused for %s", wait)
		}
		if wait := try(t, th, "bob", "thief", true); wait != 0 {
			t.Errorf("another account is refused for %s", wait)
		}
	})
}

func TestThrottle_ThirtyFailuresOfANetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := New()
		for range 3 {
			for i := range networkFailures {
				if wait := try(t, th, "user"+strconv.Itoa(i), "net", false); wait != 0 {
					t.Fatalf("failure %d is refused for %s", i+1, wait)
				}
				time.Sleep(time.Second)
			}
			if wait := try(t, th, "someone else", "net", true); wait != 30*time.Second {
				t.Fatalf("refused for %s", wait)
			}
			if wait := try(t, th, "someone else", "other", true); wait != 0 {
				t.Fatalf("another network is refused for %s", wait)
			}
			time.Sleep(2 * time.Hour) // the accounts' failures are forgotten too
		}
	})
}

// TestThrottle_ConcurrentGuesses promises that 100 wrong guesses at the same time are hashed five times, and
// shows that the number is up to the pending guesses: a throttle that minded only verdicts would hash all.
func TestThrottle_ConcurrentGuesses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := New()
		var hashed, refused atomic.Int64
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				g, wait, err := th.Begin(t.Context(), "ada", "net")
				if err != nil || wait > 0 {
					refused.Add(1)
					return
				}
				hashed.Add(1)
				time.Sleep(30 * time.Millisecond)
				g.Fail()
			})
		}
		all.Wait()
		if hashed.Load() != freeGuesses || refused.Load() != 100-freeGuesses {
			t.Errorf("%d hashed, %d refused", hashed.Load(), refused.Load())
		}

		naive := New()
		hashed.Store(0)
		for range 100 {
			all.Go(func() {
				g, wait, err := naive.Begin(t.Context(), "ada", "net")
				if err != nil || wait > 0 {
					return
				}
				hashed.Add(1)
				naive.mu.Lock()
				g.account.pending, g.network.pending = 0, 0
				naive.mu.Unlock()
				time.Sleep(30 * time.Millisecond)
			})
		}
		all.Wait()
		if hashed.Load() != 100 {
			t.Errorf("the naive throttle hashed %d: this test shows nothing", hashed.Load())
		}
	})
}

func TestThrottle_ConcurrentSuccesses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := New()
		var passed atomic.Int64
		var all sync.WaitGroup
		for range 200 {
			all.Go(func() {
				g, wait, err := th.Begin(t.Context(), "ada", "net")
				if err != nil || wait > 0 {
					return
				}
				passed.Add(1)
				time.Sleep(time.Millisecond)
				g.Succeed()
			})
		}
		all.Wait()
		if passed.Load() != 200 {
			t.Errorf("%d of 200 passed", passed.Load())
		}
		if len(th.tracks) != 0 {
			t.Errorf("%d tracks are kept", len(th.tracks))
		}
	})
}

func TestThrottle_ContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := New()
		for range freeGuesses {
			if _, wait, err := th.Begin(t.Context(), "ada", "net"); wait > 0 || err != nil {
				t.Fatal(wait, err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, _, err := th.Begin(ctx, "ada", "net"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}

func TestThrottle_TooManyWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := New()
		ctx, cancel := context.WithCancel(t.Context())
		var crowded atomic.Int64
		var all sync.WaitGroup
		for range freeGuesses + guessesWaiting + 7 {
			all.Go(func() {
				if _, _, err := th.Begin(ctx, "ada", "net"); errors.Is(err, errCrowded) {
					crowded.Add(1)
				}
			})
		}
		synctest.Wait()
		cancel()
		all.Wait()
		if crowded.Load() != 7 {
			t.Errorf("%d were turned away, want 7", crowded.Load())
		}
	})
}

func TestThrottle_WithdrawnGuess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := New()
		for range 3 * freeGuesses {
			g, wait, err := th.Begin(t.Context(), "ada", "net")
			if wait > 0 || err != nil {
				t.Fatal(wait, err)
			}
			g.Withdraw()
			g.Fail() // only the first call counts
		}
		if len(th.tracks) != 0 {
			t.Errorf("%d tracks are kept", len(th.tracks))
		}
	})
}

// TestThrottle_BoundedMemoryKeepsRefusals promises that guesses which cost their maker nothing, because they are
// refused, push nobody's failures out.
func TestThrottle_BoundedMemoryKeepsRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := New()
		for range freeGuesses + 8 {
			time.Sleep(2 * longestWait)
			try(t, th, "ada", "net", false)
		}
		for i := range networkFailures - 1 {
			try(t, th, "spray"+strconv.Itoa(i), "net", false)
		}
		for i := range tracksKept + 1000 {
			try(t, th, "more"+strconv.Itoa(i), "net", false)
		}
		if n := len(th.tracks); n > networkFailures+2 {
			t.Errorf("refused guesses left %d tracks", n)
		}
		time.Sleep(time.Minute)
		if wait := try(t, th, "ada", "net", true); wait == 0 {
			t.Error("the account's wait was forgotten")
		}
		for i := range tracksKept + 1000 {
			try(t, th, "bob", "net"+strconv.Itoa(i), false)
		}
		if n := len(th.tracks); n > tracksKept+2 {
			t.Errorf("%d tracks are kept", n)
		}
	})
}

// TestThrottle_KnownAndFailed checks what is known of a guess's maker before it: who has signed in from the network, for long, and which
// networks have guessed wrong.
func TestThrottle_KnownAndFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := New()
		want := func(account, network string, known, failed bool) {
			t.Helper()
			g, _, err := th.Begin(t.Context(), account, network)
			if err != nil {
				t.Fatal(err)
			}
			defer g.Withdraw()
			if g.Known() != known || g.Failed() != failed {
				t.Errorf("%s from %s: known %t, failed %t", account, network, g.Known(), g.Failed())
			}
		}
		try(t, th, "ada", "home", true)
		try(t, th, "ada", "thief", false)
		want("ada", "home", true, false)
		want("ada", "elsewhere", false, false)
		want("bob", "home", false, false)
		want("bob", "thief", false, true)
		time.Sleep(2 * time.Hour)
		want("ada", "home", true, false)
		want("ada", "thief", false, false)
		for i := range knownKept + 100 {
			try(t, th, "ada", strconv.Itoa(i), true)
		}
		if n := len(th.known); n != knownKept {
			t.Errorf("%d are known", n)
		}
	})
}
