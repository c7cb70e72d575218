package apptest_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/paddock-gate/paddock/ent/db/user"
	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
)

// promptly is within how long calls are told that the database is unavailable. Tests that share the machine's cores with others get
// a little more.
const promptly = 2500 * time.Millisecond

var newUsers atomic.Int64

// actor makes calls that change something.
type actor struct {
	*apptest.App
	*apptest.Person
	mu           sync.Mutex
	acknowledged map[string]bool // users whose creation was acknowledged, by id
}

func newActor(t testing.TB, a *apptest.App) *actor {
	t.Helper()
	return &actor{App: a, Person: a.NewPerson(t, "user"), acknowledged: map[string]bool{}}
}

// post makes one call. Its status is 0 if it gets no answer.
func (a *actor) post(ctx context.Context, path, credential, idempotencyKey, body string) (got answer) {
	got.Response = new(http.Response)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.URL+path, strings.NewReader(body))
	if err != nil {
		return got
	}
	req.Header.Set("Content-Type", "application/json")
	if credential != "" {
		req.Header.Set("Authorization", "Bearer "+credential)
	}
	if idempotencyKey != "" {
		req.Header.Set("Idempotency-Key", idempotencyKey)
	}
	res, err := http1.Do(req)
	if err != nil {
		got.body = err.Error()
		return got
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		got.body = err.Error()
		return got
	}
	return answer{res, string(text)}
}

// createUser creates a user, with the Idempotency-Key unless that is "".
func (a *actor) createUser(ctx context.Context, email, idempotencyKey string) answer {
	got := a.post(ctx, "/paddock.v1.UserService/CreateUser", a.AdminKey, idempotencyKey, `{"email":"`+email+`"}`)
	var made paddockv1.CreateUserResponse
	if got.StatusCode == http.StatusOK && protojson.Unmarshal([]byte(got.body), &made) == nil {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.acknowledged[made.GetUser().GetId()] = true
	}
	return got
}

func newEmail() string { return fmt.Sprintf("fault%d@example.com", newUsers.Add(1)) }

// acts are calls that change something. The denied one is refused, which is an entry.
func (a *actor) acts() map[string]func(ctx context.Context) answer {
	const chat = `{"model":"tiny-chat","messages":[{"role":"user","content":"hi"}]}`
	as := func(credential, path, body string) func(context.Context) answer {
		return func(ctx context.Context) answer { return a.post(ctx, path, credential, "", body) }
	}
	return map[string]func(context.Context) answer{
		"create user":            func(ctx context.Context) answer { return a.createUser(ctx, newEmail(), "") },
		"create user with a key": func(ctx context.Context) answer { return a.createUser(ctx, newEmail(), rand.Text()) },
		"login":                  as("", "/paddock.v1.AuthService/Login", `{"email":"`+a.GetEmail()+`","password":"`+a.Password+`"}`),
		"issue key":              as(a.Key, "/paddock.v1.CredentialService/IssueApiKey", `{"label":"fault"}`),
		"chat":                   as(a.Key, "/api/chat", chat),
		"chat openai":            as(a.Key, "/v1/chat/completions", chat),
		"denied":                 as(a.Key, "/paddock.v1.UserService/CreateUser", `{"email":"denied@example.com"}`),
	}
}

// audited are the acts that leave an audit entry.
func (a *actor) audited() map[string]func(ctx context.Context) answer {
	acts := a.acts()
	delete(acts, "chat")
	delete(acts, "chat openai")
	return acts
}

// isUnavailable reports whether the answer is what callers are told while the database is unavailable.
func isUnavailable(got answer) bool {
	return got.StatusCode == http.StatusServiceUnavailable && got.Header.Get("Retry-After") != "" &&
		(strings.Contains(got.body, string(apierr.DatabaseUnavailable)) || strings.Contains(got.body, "the database is unavailable"))
}

// wantUnavailable fails the test unless each of the acts, twice and all at once, are told in time that the database is unavailable. Model
// calls that the server admits from memory are served until it has tried to write the first of them down.
func wantUnavailable(t testing.TB, acts map[string]func(context.Context) answer) {
	t.Helper()
	var calls sync.WaitGroup
	for name, act := range acts {
		for range 2 {
			calls.Go(func() {
				var got answer
				for begun := time.Now(); ; time.Sleep(50 * time.Millisecond) {
					start := time.Now()
					got = act(t.Context())
					if took := time.Since(start); took > promptly {
						t.Errorf("%s took %s", name, took)
					}
					served := strings.HasPrefix(name, "chat") && got.StatusCode == http.StatusOK
					if !served || time.Since(begun) > 2*promptly {
						break
					}
				}
				if !isUnavailable(got) {
					t.Errorf("%s: %d %s, Retry-After %q", name, got.StatusCode, got.body, got.Header.Get("Retry-After"))
				}
			})
		}
	}
	calls.Wait()
}

// wantDone fails the test unless each of the acts succeeds, the denied one apart, as soon as the database may be found to be back.
func wantDone(t testing.TB, acts map[string]func(context.Context) answer) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for name, act := range acts {
		want := http.StatusOK
		if name == "denied" {
			want = http.StatusForbidden
		}
		got := act(t.Context())
		for got.StatusCode == http.StatusServiceUnavailable && time.Now().Before(deadline) {
			time.Sleep(20 * time.Millisecond)
			got = act(t.Context())
		}
		if got.StatusCode != want {
			t.Errorf("%s: %d %s, want %d", name, got.StatusCode, got.body, want)
		}
	}
}

// wantReads fails the test unless reads are served.
func wantReads(t testing.TB, a *actor) {
	t.Helper()
	if _, err := a.As(a.Token).Auth.WhoAmI(t.Context(), &paddockv1.WhoAmIRequest{}); err != nil {
		t.Errorf("a session's read: %v", err)
	}
	if _, err := a.Admin().Users.ListUsers(t.Context(), &paddockv1.ListUsersRequest{}); err != nil {
		t.Errorf("an API key's read: %v", err)
	}
	if got := askGateway(t, a.App, http.MethodGet, "/v1/models", a.Key, ""); got.StatusCode != http.StatusOK {
		t.Errorf("the models: %d %s", got.StatusCode, got.body)
	}
}

// wantReady fails the test unless /readyz answers with the status within the time that its findings are kept.
func wantReady(t testing.TB, a *actor, status int) {
	t.Helper()
	var got answer
	for deadline := time.Now().Add(15 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if got = send(t, http.MethodGet, a.URL+"/readyz", nil, ""); got.StatusCode == status {
			return
		}
	}
	t.Errorf("/readyz: %d %s, want %d", got.StatusCode, got.body, status)
}

// wantAccounted fails the test unless the users whose creation was acknowledged are there, and each user that is has one entry.
func wantAccounted(t testing.TB, a *actor) {
	t.Helper()
	entries := map[string]int{}
	for page := ""; ; {
		m, err := a.Admin().Audit.ListAuditEntries(t.Context(), &paddockv1.ListAuditEntriesRequest{EventType: "user_created", PageSize: 500, PageToken: page})
		must(t, err)
		for _, e := range m.GetEntries() {
			entries[e.GetTargetUserId()]++
		}
		if page = m.GetNextPageToken(); page == "" {
			break
		}
	}
	users, err := a.Store.User.Query().Where(user.EmailNEQ(apptest.AdminEmail)).IDs(t.Context())
	must(t, err)
	for _, id := range users {
		if n := entries[id.String()]; n != 1 {
			t.Errorf("user %s has %d entries", id, n)
		}
		delete(entries, id.String())
		delete(a.acknowledged, id.String())
	}
	if len(entries) > 0 || len(a.acknowledged) > 0 {
		t.Errorf("%d entries without a user, %d acknowledged users are missing", len(entries), len(a.acknowledged))
	}
}
