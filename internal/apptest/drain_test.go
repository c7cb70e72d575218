package apptest_test

import (
	"context"
	"errors"
	"maps"
	"net"
	"net/http/httptrace"
	"strings"
	"syscall"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// slowHash has a password's hash take a while.
var slowHash = apptest.Env{"ARGON2_MEMORY_KIB": "65536", "ARGON2_TIME": "3"}

// holdUser has changes of the user wait in the database until release is called.
func holdUser(t *testing.T, a *apptest.App, id string) (release func()) {
	t.Helper()
	if a.Store.Embedded() {
		return lockSQLite(t, a.Database, "BEGIN IMMEDIATE")
	}
	other, err := pgx.Connect(t.Context(), a.Database)
	must(t, err)
	_, err = other.Exec(t.Context(), `BEGIN`)
	must(t, err)
	_, err = other.Exec(t.Context(), `SELECT id FROM users WHERE id = $1 FOR UPDATE`, id)
	must(t, err)
	return func() { must(t, other.Close(context.WithoutCancel(t.Context()))) }
}

// drained is how a call ended that ran when the server was stopped.
type drained struct {
	name  string
	said  string
	whole bool
	err   error
	at    time.Time
}

// draining are calls of every kind: streams in every protocol, a login that is inside its hash, and a change that waits in the database.
type draining struct {
	*apptest.App
	changed string // the user that the change is of
	ended   chan drained
	calls   int
	began   time.Time // to stop
	stopped chan error
	release func() // has the change go on
}

// beginDraining begins the calls, and stops the server when all of them run.
func beginDraining(t *testing.T, a *apptest.App) *draining {
	t.Helper()
	user, err := a.Admin().Users.CreateUser(t.Context(), &paddockv1.CreateUserRequest{Email: "changed@example.com"})
	must(t, err)
	d := &draining{App: a, changed: user.GetUser().GetId(), ended: make(chan drained, 16), stopped: make(chan error, 1)}
	for way := range streamWays {
		d.run(way, beginUnread(t.Context(), t, a, way, a.AdminKey, "tiny-chat").rest)
	}
	awaitTrue(t, "not all streams run", func() bool { return a.Upstream.Active() == len(streamWays) })
	d.change(t)
	d.run("Login", func() (string, bool, error) {
		m, err := a.As("").Auth.Login(t.Context(), &paddockv1.LoginRequest{Email: apptest.AdminEmail, Password: apptest.AdminPassword})
		return "", m.GetAccessToken() != "", err
	})
	awaitTrue(t, "no login is inside its hash", func() bool {
		hashes, _, _ := a.Hasher.Stats()
		return hashes > 0
	})
	d.began = time.Now()
	go func() { d.stopped <- a.Stop() }()
	awaitTrue(t, "the port is still open", func() bool {
		conn, err := net.Dial("tcp", strings.TrimPrefix(a.URL, "http://"))
		if err == nil {
			conn.Close()
		}
		return errors.Is(err, syscall.ECONNREFUSED)
	})
	return d
}

// run makes a call.
func (d *draining) run(name string, call func() (said string, whole bool, err error)) {
	d.calls++
	go func() {
		said, whole, err := call()
		d.ended <- drained{name, said, whole, err, time.Now()}
	}()
}

// change begins the change of the user, and returns when it waits for the lock on PostgreSQL; on SQLite, when the server has begun to read
// the request, behind which there is nothing but that lock.
func (d *draining) change(t *testing.T) {
	t.Helper()
	d.release = holdUser(t, d.App, d.changed)
	read := make(chan struct{})
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got100Continue: func() { close(read) }})
	d.run("UpdateUser", func() (string, bool, error) {
		users := d.As(d.AdminKey, apptest.WithHeader("Expect", "100-continue")).Users
		m, err := users.UpdateUser(ctx, &paddockv1.UpdateUserRequest{Id: d.changed, Active: new(false)})
		return "", m.GetUser() != nil && !m.GetUser().GetActive(), err
	})
	await(t, "the change was read", read)
	if d.Store.Embedded() {
		return
	}
	awaitTrue(t, "the change waits for no lock", func() (waits bool) {
		const anyWaits = `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')`
		must(t, d.Store.Read(t.Context(), anyWaits, nil, func(row store.Row) error { return row.Scan(&waits) }))
		return waits
	})
}

// awaitTrue waits until it is true, or fails the test for what is the matter as long as it is not.
func awaitTrue(t *testing.T, matter string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(matter)
		}
	}
}

// wantLeftBehind fails the test unless the database has what the calls were told: each model call with its outcome and tokens, and the
// change of the user if that was acknowledged, with its entry in the audit trail.
func (d *draining) wantLeftBehind(t *testing.T, outcome string, completion int64, changed bool) {
	t.Helper()
	s := storetest.Open(t, d.Database)
	records, err := s.UsageRecord.Query().All(t.Context())
	must(t, err)
	if len(records) != len(streamWays) {
		t.Errorf("%d model calls are recorded", len(records))
	}
	for _, r := range records {
		if r.Outcome != outcome || r.CompletionTokens != completion {
			t.Errorf("recorded %v", r)
		}
	}
	if n := count(t, s.Reservation.Query().Count); n != 0 {
		t.Errorf("%d calls are reserved", n)
	}
	user, err := s.User.Get(t.Context(), uuid.MustParse(d.changed))
	must(t, err)
	entries, err := s.AuditEntry.Query().All(t.Context())
	must(t, err)
	told := 0
	for _, e := range entries {
		if strings.Contains(e.EventType, "user_updated") {
			told++
		}
	}
	if user.Active == changed || told > 1 || (told == 1) != changed {
		t.Errorf("the user is active: %t, with %d entries; change acknowledged: %t", user.Active, told, changed)
	}
}

func count(t *testing.T, of func(context.Context) (int, error)) int {
	t.Helper()
	n, err := of(t.Context())
	must(t, err)
	return n
}

// TestDrain_CallsEnd: what runs when a server is told to stop ends whole, and is on record; nothing else begins.
func TestDrain_CallsEnd(t *testing.T) {
	t.Parallel()
	apptest.EachWith(t, slowHash, func(t *testing.T, a *apptest.App) {
		goOn := make(chan struct{})
		a.Upstream.Script("tiny-chat", ollamatest.Say("Once"), ollamatest.Until(goOn), ollamatest.Say(" upon"), ollamatest.Done("stop", 11, 2))
		d := beginDraining(t, a)
		time.Sleep(200 * time.Millisecond)
		d.release()
		close(goOn)
		for range d.calls {
			if c := <-d.ended; c.err != nil || !c.whole {
				t.Errorf("%s: whole: %t, %v: %s", c.name, c.whole, c.err, c.said)
			}
		}
		must(t, <-d.stopped)
		d.wantLeftBehind(t, "ok", 2, true)
	})
}

// TestDrain_TimeIsOver: what does not end in time is told so, in words of its protocol, and is on record.
func TestDrain_TimeIsOver(t *testing.T) {
	t.Parallel()
	env := apptest.Env{"DRAIN_TIMEOUT": "300ms"}
	maps.Copy(env, slowHash)
	apptest.EachWith(t, env, func(t *testing.T, a *apptest.App) {
		a.Upstream.Script("tiny-chat", ollamatest.Say("Once"), ollamatest.Hang())
		d := beginDraining(t, a)
		changed := false
		for range d.calls {
			c := <-d.ended
			switch {
			case c.name == "UpdateUser":
				changed = c.whole
				fallthrough
			case c.name == "Login":
				if !c.whole && connect.CodeOf(c.err) != connect.CodeUnavailable {
					t.Errorf("%s: %v", c.name, c.err)
				}
			case strings.HasPrefix(c.name, "/"):
				if c.err != nil || c.whole || !strings.Contains(c.said, "Once") || !strings.Contains(c.said, "the server is shutting down") {
					t.Errorf("%s: whole: %t, %v: %s", c.name, c.whole, c.err, c.said)
				}
			default:
				apptest.WantReason(t, c.err, apierr.UpstreamUnavailable)
			}
			if took := c.at.Sub(d.began); took > promptly && c.name != "Login" { // whose hash is not broken off
				t.Errorf("%s ended %v after the stop", c.name, took)
			}
		}
		d.release()
		must(t, <-d.stopped)
		d.wantLeftBehind(t, "aborted", 1, changed)
	})
}
