package apptest

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"

	"connectrpc.com/connect"

	"github.com/paddock-gate/paddock/internal/apierr"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/gen/paddock/v1/paddockv1connect"
)

// Clients are the real clients of all services, as one caller.
type Clients struct {
	Auth        paddockv1connect.AuthServiceClient
	Users       paddockv1connect.UserServiceClient
	Credentials paddockv1connect.CredentialServiceClient
	Audit       paddockv1connect.AuditServiceClient
	Ollama      paddockv1connect.OllamaServiceClient
	Usage       paddockv1connect.UsageServiceClient
	Overview    paddockv1connect.OverviewServiceClient
}

// As returns clients that speak Connect with JSON and carry the access token or API key; "" carries nothing.
func (a *App) As(credential string, options ...connect.ClientOption) *Clients {
	return a.clients(http.DefaultClient, credential, append(options, connect.WithProtoJSON())...)
}

// AsGRPC is As over gRPC, on unencrypted HTTP/2.
func (a *App) AsGRPC(credential string, options ...connect.ClientOption) *Clients {
	return a.clients(http2Client, credential, append(options, connect.WithGRPC())...)
}

// AsGRPCWeb is As over gRPC-Web.
func (a *App) AsGRPCWeb(credential string, options ...connect.ClientOption) *Clients {
	return a.clients(http.DefaultClient, credential, append(options, connect.WithGRPCWeb())...)
}

var http2Client = func() *http.Client {
	var p http.Protocols
	p.SetUnencryptedHTTP2(true)
	return &http.Client{Transport: &http.Transport{Protocols: &p}}
}()

func (a *App) clients(h connect.HTTPClient, credential string, options ...connect.ClientOption) *Clients {
	options = append(options, connect.WithInterceptors(bearer(credential)))
	return &Clients{
		Auth:        paddockv1connect.NewAuthServiceClient(h, a.URL, options...),
		Users:       paddockv1connect.NewUserServiceClient(h, a.URL, options...),
		Credentials: paddockv1connect.NewCredentialServiceClient(h, a.URL, options...),
		Audit:       paddockv1connect.NewAuditServiceClient(h, a.URL, options...),
		Ollama:      paddockv1connect.NewOllamaServiceClient(h, a.URL, options...),
		Usage:       paddockv1connect.NewUsageServiceClient(h, a.URL, options...),
		Overview:    paddockv1connect.NewOverviewServiceClient(h, a.URL, options...),
	}
}

// bearer adds the credential to every call of a client.
type bearer string

func (b bearer) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		b.add(req.Header())
		return next(ctx, req)
	}
}

func (b bearer) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return func(ctx context.Context, spec connect.Spec) connect.StreamingClientConn {
		conn := next(ctx, spec)
		b.add(conn.RequestHeader())
		return conn
	}
}

func (b bearer) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return next
}

func (b bearer) add(h http.Header) {
	if b != "" {
		h.Set("Authorization", "Bearer "+string(b))
	}
}

// Admin returns clients of the first admin, by API key.
func (a *App) Admin() *Clients { return a.As(a.AdminKey) }

// Login signs in and returns the tokens.
func (a *App) Login(t testing.TB, email, password string) *paddockv1.LoginResponse {
	t.Helper()
	m, err := a.As("").Auth.Login(t.Context(), &paddockv1.LoginRequest{Email: email, Password: password})
	if err != nil {
		t.Fatalf("login as %s: %v", email, err)
	}
	return m
}

// Person is a user that a test made.
type Person struct {
	*paddockv1.User
	Password string
	Token    string // of a session
	Key      string // an API key
	KeyID    string // its credential id
}

var people atomic.Int64

// NewPerson makes an active user with the roles, a password, a session and an API key.
func (a *App) NewPerson(t testing.TB, roles ...string) *Person {
	t.Helper()
	p := &Person{Password: "a password of theirs"}
	m, err := a.Admin().Users.CreateUser(t.Context(), &paddockv1.CreateUserRequest{
		Email: fmt.Sprintf("person%d@example.com", people.Add(1)), Password: p.Password, Roles: roles,
	})
	if err != nil {
		t.Fatal(err)
	}
	p.User = m.GetUser()
	p.Token = a.Login(t, p.GetEmail(), p.Password).GetAccessToken()
	key, err := a.As(p.Token).Credentials.IssueApiKey(t.Context(), &paddockv1.IssueApiKeyRequest{Label: "test"})
	if err != nil {
		t.Fatal(err)
	}
	p.Key, p.KeyID = key.GetSecret(), key.GetCredential().GetId()
	return p
}

// Entries returns the newest audit entries whose type contains the text, newest first.
func (a *App) Entries(t testing.TB, eventType string) []*paddockv1.AuditEntry {
	t.Helper()
	m, err := a.Admin().Audit.ListAuditEntries(t.Context(), &paddockv1.ListAuditEntriesRequest{EventType: eventType, PageSize: 500})
	if err != nil {
		t.Fatal(err)
	}
	return m.GetEntries()
}

// Reason returns the reason of the contract that err carries; "" for none or no error.
func Reason(err error) apierr.Reason {
	told, ok := err.(*connect.Error) //nolint:errorlint // clients return nothing else
	if !ok {
		return ""
	}
	return apierr.ReasonOf(told)
}

// WantReason fails the test unless err carries the reason.
func WantReason(t testing.TB, err error, want apierr.Reason) {
	t.Helper()
	if got := Reason(err); got != want {
		t.Errorf("got reason %q (error %v), want %q", got, err, want)
	}
}
