package check

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"connectrpc.com/connect"

	"github.com/paddock-gate/paddock/internal/gen/paddock/v1/paddockv1connect"
)

// Target is a running server, and the admin as whom it is tried.
type Target struct {
	URL string
	// Email and Password sign in, unless there is a Token: an access token or an API key.
	Email, Password, Token string
	// Version is the one that must run; "" for any.
	Version string
	// ChatModel and EmbedModel may be "", for those that the server uses when a call names none.
	ChatModel, EmbedModel string
	// Timeout bounds each check: a model may have to be loaded.
	Timeout time.Duration
}

// server is a Target while it is tried.
type server struct {
	Target
	report *report
	http   *http.Client

	auth        paddockv1connect.AuthServiceClient
	credentials paddockv1connect.CredentialServiceClient
	ollama      paddockv1connect.OllamaServiceClient
	audit       paddockv1connect.AuditServiceClient

	health    healthz
	token     string
	userID    string
	sessionID string // of a session that was begun here
	signedIn  bool   // a session was begun here, and has not ended
	key       key
}

// ParseURL returns the address of a server without a trailing slash. The error says what is expected.
func ParseURL(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || strings.ContainsAny(text, "?#") {
		return "", errors.New("must be an http:// or https:// address without credentials, query or fragment")
	}
	return strings.TrimRight(u.String(), "/"), nil
}

// Server writes one line for each thing that a running server must do, and reports whether it does all of them. What it makes
// there it takes away again, also when ctx ends.
func Server(ctx context.Context, out io.Writer, t Target) bool {
	s := &server{Target: t, report: &report{out: out, secrets: []string{t.Password, t.Token}}}
	s.http = &http.Client{
		Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, TLSHandshakeTimeout: 10 * time.Second},
		CheckRedirect: func(r *http.Request, _ []*http.Request) error { // credentials go nowhere else, and a POST would become a GET
			return fmt.Errorf("redirected to %s: give that address", r.URL.Redacted())
		},
	}
	defer s.http.CloseIdleConnections()
	s.connect(t.Token)
	defer s.cleanUp(ctx)
	return s.report.runAll(ctx, t.Timeout, []step{
		{"health", "", s.checkHealth},
		{"version", "health", s.checkVersion},
		{"readiness", "health", s.checkReadiness},
		{"sign-in", "health", s.checkSignIn},
		{"models", "sign-in", s.checkModels},
		{"chat", "sign-in", s.checkChat},
		{"embedding", "sign-in", s.checkEmbedding},
		{"key issued", "sign-in", s.checkKeyIssued},
		{"key used", "key issued", s.checkKeyUsed},
		{"key revoked", "key issued", s.checkKeyRevoked},
		{"audit trail", "key issued", s.checkAudit},
		{"sign-out", "sign-in", s.checkSignOut},
	})
}

// connect makes the clients, which carry the credential.
func (s *server) connect(credential string) {
	s.token = credential
	options := []connect.ClientOption{connect.WithInterceptors(bearer(credential))}
	s.auth = paddockv1connect.NewAuthServiceClient(s.http, s.URL, options...)
	s.credentials = paddockv1connect.NewCredentialServiceClient(s.http, s.URL, options...)
	s.ollama = paddockv1connect.NewOllamaServiceClient(s.http, s.URL, options...)
	s.audit = paddockv1connect.NewAuditServiceClient(s.http, s.URL, options...)
}

// bearer adds the credential to every call of a client.
type bearer string

// WrapUnary implements [connect.Interceptor].
func (b bearer) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		b.add(req.Header())
		return next(ctx, req)
	}
}

// WrapStreamingClient implements [connect.Interceptor].
func (b bearer) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return func(ctx context.Context, spec connect.Spec) connect.StreamingClientConn {
		conn := next(ctx, spec)
		b.add(conn.RequestHeader())
		return conn
	}
}

// WrapStreamingHandler implements [connect.Interceptor]; a client handles nothing.
func (b bearer) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return next
}

func (b bearer) add(h http.Header) {
	h.Set("User-Agent", "paddock check")
	if b != "" {
		h.Set("Authorization", "Bearer "+string(b))
	}
}

// healthz is the response of /healthz.
type healthz struct{ Status, Version string }

// readyz is the response of /readyz.
type readyz struct {
	Status   string
	Checks   map[string]string
	Upstream string
}

// get decodes the JSON that a GET is answered with, and returns its status.
func (s *server) get(ctx context.Context, path string, answer any) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+path, http.NoBody)
	if err != nil {
		return 0, err
	}
	bearer("").add(req.Header)
	res, err := s.http.Do(req)
	if err != nil {
		if cause, ok := errors.AsType[*url.Error](err); ok {
			err = cause.Err
		}
		return 0, err
	}
	defer res.Body.Close()
	if err := json.NewDecoder(io.LimitReader(res.Body, 64<<10)).Decode(answer); err != nil {
		return res.StatusCode, fmt.Errorf("%s answers %s, and no JSON: is this a Paddock?", path, res.Status)
	}
	return res.StatusCode, nil
}

func (s *server) checkHealth(ctx context.Context) (string, error) {
	status, err := s.get(ctx, "/healthz", &s.health)
	if err == nil && (status != http.StatusOK || s.health.Status != "ok") {
		err = fmt.Errorf("/healthz answers %d, status %q", status, s.health.Status)
	}
	return "answers", err
}

func (s *server) checkVersion(context.Context) (string, error) {
	switch {
	case s.health.Version == "":
		return "", s.whenWanted("the server does not tell its version")
	case s.Version != "" && s.Version != s.health.Version:
		return "", fmt.Errorf("%s, not %s", s.health.Version, s.Version)
	}
	return s.health.Version, nil
}

// whenWanted returns an error if a version was asked for, else a warning.
func (s *server) whenWanted(problem string) error {
	if s.Version != "" {
		return errors.New(problem)
	}
	return warning(problem)
}

func (s *server) checkReadiness(ctx context.Context) (string, error) {
	var state readyz
	status, err := s.get(ctx, "/readyz", &state)
	if err != nil {
		return "", err
	}
	if status != http.StatusOK || state.Status != "ready" {
		var failed []string
		for check, found := range state.Checks {
			if found != "ok" {
				failed = append(failed, check+" "+found)
			}
		}
		slices.Sort(failed)
		return "", fmt.Errorf("/readyz answers %d: %s", status, strings.Join(failed, ", "))
	}
	if state.Upstream != "ok" {
		return "", warning("ready, but Ollama is " + state.Upstream)
	}
	return "ready, and Ollama answers", nil
}
