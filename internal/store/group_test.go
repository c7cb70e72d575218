package store_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/ent/db/user"
	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

func TestTx_ConcurrentFailures(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		failure := errors.New("no")
		const n = 120
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				defer func() {
					if p := recover(); (p != nil) != (i%10 == 5) {
						t.Errorf("transaction %d: recovered %v", i, p)
					}
				}()
				err := s.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
					if err := createUser(ctx, tx); err != nil {
						return err
					}
					switch i % 10 {
					case 3:
						return failure
					case 5:
						panic(i)
					}
					return nil
				})
				if errors.Is(err, failure) != (i%10 == 3) || err != nil && !errors.Is(err, failure) {
					t.Errorf("transaction %d: %v", i, err)
				}
			})
		}
		wg.Wait()
		if users, entries := counts(t, s); users != n*8/10 || entries != users {
			t.Errorf("%d users and %d entries, want %d of each", users, entries, n*8/10)
		}
	})
}

func TestTx_ConcurrentCommits(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		const n = 500
		var wg sync.WaitGroup
		for range n {
			wg.Go(func() {
				if err := s.Tx(t.Context(), createUser); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if users, entries := counts(t, s); users != n || entries != n {
			t.Errorf("%d users and %d entries, want %d of each", users, entries, n)
		}
	})
}

func TestTx_ConcurrentSameEmail(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		const n = 90 // two of three want an email of their own
		var (
			wg    sync.WaitGroup
			taken atomic.Int64
		)
		for i := range n {
			wg.Go(func() {
				err := s.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
					if err := createUser(ctx, tx); err != nil {
						return err
					}
					wanted := "same@example.com"
					if i%3 > 0 {
						wanted = email()
					}
					return tx.User.Create().SetEmail(wanted).Exec(ctx)
				})
				switch {
				case store.Taken(err, "users.email"):
					taken.Add(1)
				case err != nil:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if taken.Load() != n/3-1 {
			t.Errorf("%d were told that the email is taken, want %d", taken.Load(), n/3-1)
		}
		const committed = n - (n/3 - 1)
		if users, entries := counts(t, s); users != 2*committed || entries != committed {
			t.Errorf("%d users and %d entries, want %d and %d", users, entries, 2*committed, committed)
		}
	})
}

func TestClose_WaitsForWrites(t *testing.T) {
	url := storetest.SQLite(t)
	s, err := store.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	begun, mayEnd := make(chan struct{}), make(chan struct{})
	written := make(chan error, 1)
	go func() {
		written <- s.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
			close(begun)
			<-mayEnd
			return createUser(ctx, tx)
		})
	}()
	<-begun
	closed := make(chan error, 1)
	go func() { closed <- s.Close() }()
	select {
	case err := <-closed:
		t.Fatalf("closed under a running write: %v", err)
	default:
	}
	close(mayEnd)
	if err := <-written; err != nil {
		t.Error(err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if err := s.Tx(t.Context(), createUser); !errors.Is(err, store.ErrAway) {
		t.Errorf("after Close: got %v, want ErrAway", err)
	}
	if users, _ := counts(t, storetest.Open(t, url)); users != 1 {
		t.Errorf("%d users after opening again, want 1", users)
	}
}

// writeUntilKilled is what the killed process of the test below does: 8 writers, each email printed once it is on disk.
func writeUntilKilled(url string) error {
	s, err := store.Open(context.Background(), url)
	if err != nil {
		return err
	}
	errs := make(chan error)
	for w := range 8 {
		go func() {
			for i := 0; ; i++ {
				email := fmt.Sprintf("writer%d-%d@example.com", w, i)
				err := s.Tx(context.Background(), func(ctx context.Context, tx *db.Tx) error {
					if err := createUser(ctx, tx); err != nil {
						return err
					}
					return tx.User.Create().SetEmail(email).Exec(ctx)
				})
				if err != nil {
					errs <- err
				}
				fmt.Fprintln(os.Stdout, email)
			}
		}()
	}
	return <-errs
}

func TestTx_DurableAfterKill(t *testing.T) {
	const variable = "STORE_TEST_WRITE_UNTIL_KILLED"
	if url := os.Getenv(variable); url != "" {
		t.Fatal(writeUntilKilled(url))
	}
	storetest.Each(t, func(t *testing.T, url string) {
		child := exec.Command(os.Args[0], "-test.run=^TestTx_DurableAfterKill$")
		child.Env = append(os.Environ(), variable+"="+url)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		var acknowledged []string
		for lines := bufio.NewScanner(out); lines.Scan(); {
			acknowledged = append(acknowledged, lines.Text())
			if len(acknowledged) == 300 {
				if err := child.Process.Kill(); err != nil { // what is in the pipe still counts
					t.Fatal(err)
				}
			}
		}
		if err := child.Wait(); err == nil {
			t.Error("the child was not killed")
		}
		if len(acknowledged) < 300 {
			t.Fatalf("the child ended by itself after %d writes: %v", len(acknowledged), acknowledged)
		}
		s := storetest.Open(t, url) // the lock on the file went with the process
		for _, email := range acknowledged {
			if ok, err := s.User.Query().Where(user.Email(email)).Exist(t.Context()); err != nil || !ok {
				t.Errorf("%s was acknowledged and is not there (%v)", email, err)
			}
		}
		users, entries := counts(t, s)
		if users != 2*entries {
			t.Errorf("%d users and %d entries: half a transaction was kept", users, entries)
		}
	})
}
