package apptest_test

import (
	"context"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// speakers are the same caller over each protocol.
func speakers(a *apptest.App, credential string) map[string]*apptest.Clients {
	return map[string]*apptest.Clients{
		"Connect": a.As(credential), "gRPC": a.AsGRPC(credential), "gRPC-Web": a.AsGRPCWeb(credential),
	}
}

// ask begins a chat and returns its first piece with it.
func ask(ctx context.Context, t testing.TB, c *apptest.Clients, model string) *connect.ServerStreamForClient[paddockv1.ChatResponse] {
	t.Helper()
	stream, err := c.Ollama.Chat(ctx, &paddockv1.ChatRequest{Model: model, Messages: hi})
	must(t, err)
	t.Cleanup(func() { stream.Close() })
	if !stream.Receive() {
		t.Fatalf("no first piece: %v", stream.Err())
	}
	return stream
}

// rest reads the stream to its end.
func rest(stream *connect.ServerStreamForClient[paddockv1.ChatResponse]) (said string, last *paddockv1.ChatResponse, err error) {
	for last = stream.Msg(); ; last = stream.Msg() {
		said += last.GetContent()
		if !stream.Receive() {
			return said, last, stream.Err()
		}
	}
}

// TestStream_AccessRevoked checks that a stream ends within two seconds of the session, key or role that it began with, in
// every protocol, and that the model stops.
func TestStream_AccessRevoked(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		t.Parallel()
		admin := a.Admin()
		for name, c := range map[string]struct {
			byKey bool
			end   func(ctx context.Context, p *apptest.Person) error
		}{
			"logout": {false, func(ctx context.Context, p *apptest.Person) error {
				_, err := a.As(p.Token).Auth.Logout(ctx, &paddockv1.LogoutRequest{})
				return err
			}},
			"key revoked": {true, func(ctx context.Context, p *apptest.Person) error {
				_, err := a.As(p.Token).Credentials.RevokeCredential(ctx, &paddockv1.RevokeCredentialRequest{Id: p.KeyID})
				return err
			}},
			"disabled": {true, func(ctx context.Context, p *apptest.Person) error {
				_, err := admin.Users.UpdateUser(ctx, &paddockv1.UpdateUserRequest{Id: p.GetId(), Active: new(false)})
				return err
			}},
			"role taken": {false, func(ctx context.Context, p *apptest.Person) error {
				_, err := admin.Users.UpdateUser(ctx, &paddockv1.UpdateUserRequest{Id: p.GetId(), Roles: &structpb.ListValue{}})
				return err
			}},
			"deleted": {true, func(ctx context.Context, p *apptest.Person) error {
				_, err := admin.Users.DeleteUser(ctx, &paddockv1.DeleteUserRequest{Id: p.GetId()})
				return err
			}},
			"password reset": {false, func(ctx context.Context, p *apptest.Person) error {
				_, err := admin.Users.SetPassword(ctx, &paddockv1.SetPasswordRequest{UserId: p.GetId(), Password: "another password"})
				return err
			}},
		} {
			p := a.NewPerson(t, "user")
			credential := p.Token
			if c.byKey {
				credential = p.Key
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				ended := make(chan error)
				streams := speakers(a, credential)
				for _, speaker := range streams {
					stream := ask(t.Context(), t, speaker, "tiny-slow")
					go func() {
						_, _, err := rest(stream)
						ended <- err
					}()
				}
				must(t, c.end(t.Context(), p))
				within := time.After(2500 * time.Millisecond) // two seconds, and a busy machine
				for range streams {
					select {
					case err := <-ended:
						apptest.WantReason(t, err, apierr.Unauthenticated)
					case <-within:
						t.Fatal("still streaming")
					}
				}
			})
		}
		t.Cleanup(func() { // after the parallel ones
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			if err := a.Upstream.WaitIdle(ctx); err != nil {
				t.Errorf("%d models still work", a.Upstream.Active())
			}
		})
	})
}

// TestStream_UnrelatedRevocation checks that a stream goes on after another session's logout, another key's end, or the loss
// of a role that is not needed.
func TestStream_UnrelatedRevocation(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.SQLite(t), nil)
	p := a.NewPerson(t, "user", "admin")
	other := a.Login(t, p.GetEmail(), p.Password)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stream := ask(ctx, t, a.As(p.Key), "tiny-slow")

	_, err := a.As(other.GetAccessToken()).Auth.Logout(ctx, &paddockv1.LogoutRequest{})
	must(t, err)
	user, err := structpb.NewList([]any{"user"})
	must(t, err)
	_, err = a.Admin().Users.UpdateUser(ctx, &paddockv1.UpdateUserRequest{Id: p.GetId(), Roles: user})
	must(t, err)
	for until := time.Now().Add(2 * time.Second); time.Now().Before(until); {
		if !stream.Receive() {
			t.Fatalf("ended: %v", stream.Err())
		}
	}
}

// TestDisconnect_RPC checks that the model stops within a second when a client disconnects, for streams and for calls that
// wait for one answer.
func TestDisconnect_RPC(t *testing.T) {
	t.Parallel()
	for name, call := range map[string]func(context.Context, testing.TB, *apptest.Clients){
		"Chat": func(ctx context.Context, t testing.TB, c *apptest.Clients) {
			ask(ctx, t, c, "tiny-slow")
		},
		"Chat before its first piece": func(ctx context.Context, _ testing.TB, c *apptest.Clients) {
			go func() {
				if stream, err := c.Ollama.Chat(ctx, &paddockv1.ChatRequest{Model: "tiny-chat", Messages: hi}); err == nil {
					stream.Receive()
				}
			}()
		},
		"Embed": func(ctx context.Context, _ testing.TB, c *apptest.Clients) {
			go func() {
				_, _ = c.Ollama.Embed(ctx, &paddockv1.EmbedRequest{Model: "tiny-embed", Input: []string{"hi"}})
			}()
		},
		"ListModels": func(ctx context.Context, _ testing.TB, c *apptest.Clients) {
			go func() { _, _ = c.Ollama.ListModels(ctx, &paddockv1.ListModelsRequest{}) }()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := apptest.Start(t, storetest.SQLite(t), nil)
			targets, asked := []string{"tiny-chat", "tiny-embed"}, a.Upstream.Posts
			if name == "ListModels" {
				targets, asked = []string{"/api/tags"}, a.Upstream.Requests
			}
			for _, target := range targets {
				a.Upstream.Script(target, ollamatest.Hang())
			}
			for protocol, c := range speakers(a, a.AdminKey) {
				begun := len(asked())
				ctx, leave := context.WithCancel(t.Context())
				call(ctx, t, c)
				for len(asked()) == begun {
					time.Sleep(time.Millisecond)
				}
				leave()
				within, cancel := context.WithTimeout(t.Context(), time.Second)
				if err := a.Upstream.WaitIdle(within); err != nil {
					t.Errorf("%s: the model still works", protocol)
				}
				cancel()
				if r := asked()[begun]; r.Aborted.IsZero() {
					t.Errorf("%s: the upstream was not told", protocol)
				}
			}
		})
	}
}

// TestDeadline_Client checks that a client's own deadline holds in every protocol, and is not counted as an error of the
// server's.
func TestDeadline_Client(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.SQLite(t), nil)
	a.Upstream.Script("tiny-embed", ollamatest.Hang())
	for protocol, c := range speakers(a, a.AdminKey) {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		_, err := c.Ollama.Embed(ctx, &paddockv1.EmbedRequest{Model: "tiny-embed", Input: []string{"x"}})
		cancel()
		if connect.CodeOf(err) != connect.CodeDeadlineExceeded {
			t.Errorf("%s: %v", protocol, err)
		}
	}
	within, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := a.Upstream.WaitIdle(within); err != nil {
		t.Error("the model still works")
	}
}
