package apptest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/gen/paddock/v1/paddockv1connect"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// readyz returns the status and the result of each check.
func readyz(t testing.TB, a *apptest.App) (status int, checks map[string]string) {
	t.Helper()
	got := send(t, http.MethodGet, a.URL+"/readyz", nil, "")
	var body struct {
		Status string
		Checks map[string]string
	}
	must(t, json.Unmarshal([]byte(got.body), &body))
	if ready := body.Status == "ready"; ready != (got.StatusCode == http.StatusOK) {
		t.Errorf("readyz: %d %s", got.StatusCode, got.body)
	}
	return got.StatusCode, body.Checks
}

// TestDatabaseUnavailable checks that probes and calls report within two seconds that the database is unavailable, and that
// they recover without a restart.
func TestDatabaseUnavailable(t *testing.T) {
	t.Parallel()
	cluster := storetest.NewCluster(t)
	a := apptest.Start(t, cluster.Database(t), nil)
	person := a.NewPerson(t, "user")
	if status, checks := readyz(t, a); status != http.StatusOK {
		t.Fatalf("before: %d %v", status, checks)
	}
	must(t, cluster.Stop())

	quickly := func(what string, do func()) {
		t.Helper()
		began := time.Now()
		do()
		if took := time.Since(began); took > 2500*time.Millisecond { // two seconds, and a busy machine
			t.Errorf("%s took %v", what, took)
		}
	}
	quickly("readyz", func() {
		if status, checks := readyz(t, a); status != http.StatusServiceUnavailable || checks["database"] == "ok" {
			t.Errorf("readyz: %d %v", status, checks)
		}
	})
	quickly("gRPC health", func() {
		if status, err := grpcHealth(t.Context(), a, ""); err != nil || status != 2 {
			t.Errorf("gRPC health: status %d, %v; want 2, not serving", status, err)
		}
	})
	quickly("healthz", func() {
		if got := send(t, http.MethodGet, a.URL+"/healthz", nil, ""); got.StatusCode != http.StatusOK {
			t.Errorf("healthz: %d", got.StatusCode)
		}
	})
	quickly("metrics", func() {
		if !strings.Contains(metricsOf(t, a), "\npaddock_database_up 0\n") {
			t.Error("the metrics do not tell")
		}
	})
	for name, call := range map[string]func() error{
		"session": func() error {
			_, err := a.As(person.Token).Auth.WhoAmI(t.Context(), &paddockv1.WhoAmIRequest{})
			return err
		},
		"key": func() error {
			_, err := a.AsGRPC(person.Key).Ollama.ListModels(t.Context(), &paddockv1.ListModelsRequest{})
			return err
		},
		"change": func() error {
			_, err := a.Admin().Users.CreateUser(t.Context(), &paddockv1.CreateUserRequest{Email: "lost@example.com"})
			return err
		},
		"stream": func() error {
			stream, err := a.As(person.Key).Ollama.Chat(t.Context(), &paddockv1.ChatRequest{Model: "tiny-chat", Messages: hi})
			if err == nil {
				stream.Receive()
				err = stream.Err()
			}
			return err
		},
		"login": func() error {
			_, err := a.As("").Auth.Login(t.Context(), &paddockv1.LoginRequest{Email: person.GetEmail(), Password: person.Password})
			return err
		},
		"refresh": func() error {
			in := "pdr_not-a-token"
			_, err := a.As("").Auth.Refresh(t.Context(), &paddockv1.RefreshRequest{RefreshToken: in})
			if apptest.Reason(err) == apierr.Unauthenticated { // nonsense needs no database
				return apierr.Retry(connect.CodeUnavailable, apierr.DatabaseUnavailable, "", time.Second)
			}
			return err
		},
	} {
		quickly(name, func() {
			err := call()
			apptest.WantReason(t, err, apierr.DatabaseUnavailable)
			wantToldProperly(t, err)
		})
	}

	must(t, cluster.Start(t.Context()))
	healed := false
	for deadline := time.Now().Add(10 * time.Second); !healed && time.Now().Before(deadline); {
		status, _ := readyz(t, a)
		healed = status == http.StatusOK
	}
	if _, err := a.As(person.Key).Auth.WhoAmI(t.Context(), &paddockv1.WhoAmIRequest{}); err != nil || !healed {
		t.Errorf("healed %t, key: %v", healed, err)
	}
	if _, err := a.As(person.Token).Auth.WhoAmI(t.Context(), &paddockv1.WhoAmIRequest{}); err != nil {
		t.Errorf("session: %v", err)
	}
	_, err := a.Admin().Users.CreateUser(t.Context(), &paddockv1.CreateUserRequest{Email: "lost@example.com"})
	must(t, err)
}

// TestReadyz_OllamaUnavailable checks that the server stays ready without Ollama, since accounts and keys work without it,
// and reports that it is missing.
func TestReadyz_OllamaUnavailable(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.SQLite(t), nil)
	a.Upstream.Stop()
	defer a.Upstream.Resume(t)
	for range 4 {
		_, err := a.Admin().Ollama.ListModels(t.Context(), &paddockv1.ListModelsRequest{})
		apptest.WantReason(t, err, apierr.UpstreamUnavailable)
	}
	if status, checks := readyz(t, a); status != http.StatusOK {
		t.Errorf("readyz: %d %v", status, checks)
	}
	if got := send(t, http.MethodGet, a.URL+"/readyz", nil, ""); !strings.Contains(got.body, `"upstream":"unavailable"`) {
		t.Errorf("readyz does not tell: %s", got.body)
	}
}

func TestRequestIDs(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.SQLite(t), nil)
	url := a.URL + paddockv1connect.AuthServiceWhoAmIProcedure
	seen := map[string]bool{}
	for _, c := range []struct {
		id   string
		kept bool
	}{
		{"", false},
		{"f3b1a2c4-0000-7000-8000-000000000001", true},
		{"Trace_1.2-3", true},
		{strings.Repeat("x", 64), true},
		{strings.Repeat("x", 65), false},
		{"two words", false},
		{"line%0d%0abreak", false},
		{`quote"`, false},
		{"é", false},
		{"<script>", false},
	} {
		header := bearerOf(a.AdminKey)
		header.Set("X-Request-Id", c.id)
		got := send(t, http.MethodPost, url, header, "{}").Header.Values("X-Request-Id")
		switch {
		case len(got) != 1 || seen[got[0]]:
			t.Errorf("%q: ids %q", c.id, got)
		case c.kept != (got[0] == c.id):
			t.Errorf("%q became %q", c.id, got[0])
		case !c.kept && !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(got[0]):
			t.Errorf("made the id %q", got[0])
		}
		seen[got[0]] = true
	}
	header := bearerOf(a.NewPerson(t).Token)
	header.Set("X-Request-Id", "known-id-1")
	send(t, http.MethodPost, a.URL+deleteUser, header, "{}")
	if e := a.Entries(t, "access_denied")[0]; e.GetRequestId() != "known-id-1" {
		t.Errorf("the audit entry has request id %q", e.GetRequestId())
	}
}

// TestClientAddress_Proxies checks that the address is the client's behind a trusted proxy, and the proxy's own behind any
// other.
func TestClientAddress_Proxies(t *testing.T) {
	t.Parallel()
	for trusted, want := range map[string]string{"": "127.0.0.1", "127.0.0.0/8": "2001:db8::7"} {
		a := apptest.Start(t, storetest.SQLite(t), apptest.Env{"TRUSTED_PROXIES": trusted})
		c := a.As("", apptest.WithHeader("X-Forwarded-For", "198.51.100.1, 2001:db8::7"))
		_, err := c.Auth.Login(t.Context(), &paddockv1.LoginRequest{Email: apptest.AdminEmail, Password: apptest.AdminPassword})
		must(t, err)
		if got := a.Entries(t, "login_success")[0].GetIp(); got != want {
			t.Errorf("trusting %q: the entry has %s, want %s", trusted, got, want)
		}
	}
}

// TestMetrics: rate, errors and duration of each method, and what else an operator asks for.
func TestMetrics(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.SQLite(t), nil)
	member := a.NewPerson(t, "user")
	for range 3 {
		_, err := a.As(member.Key).Ollama.ListModels(t.Context(), &paddockv1.ListModelsRequest{})
		must(t, err)
	}
	_, err := a.AsGRPC(member.Key).Users.ListRoles(t.Context(), &paddockv1.ListRolesRequest{})
	apptest.WantReason(t, err, apierr.AccessDenied)
	for i := range 50 {
		send(t, http.MethodGet, fmt.Sprintf("%s/random/%d", a.URL, i), nil, "")
		send(t, http.MethodGet, fmt.Sprintf("%s/paddock.v1.AuthService/R%d", a.URL, i), nil, "")
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err = a.As(member.Key).Ollama.Embed(ctx, &paddockv1.EmbedRequest{Model: "tiny-embed", Input: []string{"x"}})
	must(t, err)
	stream, err := a.As(member.Key).Ollama.Chat(ctx, &paddockv1.ChatRequest{Model: "tiny-slow", Messages: hi})
	must(t, err)
	if !stream.Receive() {
		t.Fatal(stream.Err())
	}
	for a.Unsettled() > 1 { // than the stream
		time.Sleep(time.Millisecond)
	}
	metrics := send(t, http.MethodGet, a.URL+"/metrics", nil, "").body
	for _, want := range []string{
		`paddock_request_duration_seconds_count{code="200",route="/paddock.v1.OllamaService/ListModels"} 3`,
		`paddock_request_duration_seconds_count{code="permission_denied",route="/paddock.v1.UserService/ListRoles"} 1`,
		`paddock_request_duration_seconds_bucket{code="200",route="/paddock.v1.OllamaService/ListModels",le="`,
		"\npaddock_streams_in_flight 1\n",
		"\npaddock_hash_slots_busy 0\n",
		"\npaddock_hash_slots ",
		"\npaddock_hash_queue ",
		"\npaddock_db_connections ",
		"\npaddock_db_connections_in_use ",
		"\npaddock_upstream_up{upstream=\"127.0.0.1:",
		"\npaddock_upstream_reachable{upstream=\"" + strings.TrimPrefix(a.Upstream.URL, "http://") + "\"} 1\n",
		"\npaddock_upstream_in_flight{upstream=\"127.0.0.1:",
		"\npaddock_queue_waiting{class=\"batch\"} 0\n",
		"\npaddock_model_calls_total{kind=\"embed\",outcome=\"ok\"} 1\n",
		"\npaddock_tokens_total{of=\"prompt\"} ",
		"\npaddock_queue_wait_seconds_count{class=\"interactive\"} 1\n",
		"\ngo_goroutines ",
		"\nprocess_resident_memory_bytes ",
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("no %q in the metrics", want)
		}
	}
	for line := range strings.Lines(metrics) {
		if strings.Contains(line, "random") || strings.Contains(line, "/R1") || strings.Contains(line, "@") {
			t.Errorf("a stranger makes a series: %s", line)
		}
	}
}

func TestMetrics_SeparatePort(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	addr := l.Addr().String()
	must(t, l.Close())
	a := apptest.Start(t, storetest.SQLite(t), apptest.Env{"METRICS_ADDR": addr})
	if got := send(t, http.MethodGet, a.URL+"/metrics", nil, ""); got.StatusCode != http.StatusNotFound {
		t.Errorf("on the main port: %d", got.StatusCode)
	}
	var got answer
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); { // it listens a moment later
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
			got = send(t, http.MethodGet, "http://"+addr+"/metrics", nil, "")
			break
		}
	}
	if got.Response == nil || !strings.Contains(got.body, "paddock_request_duration_seconds") {
		t.Errorf("on its own port: %v", got.body)
	}
	wantSecurityHeaders(t, "on its own port", got.Header)
	if got := send(t, http.MethodGet, "http://"+addr+"/readyz", nil, ""); got.StatusCode != http.StatusNotFound {
		t.Errorf("a probe of the wrong port: %d", got.StatusCode)
	}
}
