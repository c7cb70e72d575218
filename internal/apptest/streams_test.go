package apptest_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/paddock-gate/paddock/internal/apptest"
	"github.com/paddock-gate/paddock/internal/fault"
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

// TestAStreamEndsWithWhatItWasBegunWith, within two seconds, in every protocol, and the model stops.
func TestAStreamEndsWithWhatItWasBegunWith(t *testing.T) {
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
				_, err := admin.Users.UpdateUser(ctx, &paddockv1.UpdateUserRequest{Id: p.GetId(), Active: proto.Bool(false)})
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
						apptest.WantReason(t, err, fault.Unauthenticated)
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

// TestAStreamOutlivesWhatItWasNotBegunWith: another session's logout, another key's end, a role that is not needed.
func TestAStreamOutlivesWhatItWasNotBegunWith(t *testing.T) {
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

// TestAClientThatLeavesStopsTheModel within a second, for streams and for calls that wait for one answer.
func TestAClientThatLeavesStopsTheModel(t *testing.T) {
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
			for _, target := range []string{"tiny-chat", "tiny-embed", "/api/tags"} {
				a.Upstream.Script(target, ollamatest.Hang())
			}
			for protocol, c := range speakers(a, a.AdminKey) {
				begun := len(a.Upstream.Requests())
				ctx, leave := context.WithCancel(t.Context())
				call(ctx, t, c)
				for len(a.Upstream.Requests()) == begun {
					time.Sleep(time.Millisecond)
				}
				leave()
				within, cancel := context.WithTimeout(t.Context(), time.Second)
				if err := a.Upstream.WaitIdle(within); err != nil {
					t.Errorf("%s: the model still works", protocol)
				}
				cancel()
				if r := a.Upstream.Requests()[begun]; r.Aborted.IsZero() {
					t.Errorf("%s: the upstream was not told", protocol)
				}
			}
		})
	}
}

// TestUpstreamTroubleIsTold as the contract names it, in every protocol, and never as a clean end.
func TestUpstreamTroubleIsTold(t *testing.T) {
	t.Parallel()
	piece := ollamatest.Say("Once", " upon")
	for _, c := range []struct {
		name  string
		steps []ollamatest.Step
		model string
		want  fault.Reason
		said  string
	}{
		{"no such model", nil, "no-such-model", fault.ModelNotFound, ""},
		{"embedding model", nil, "tiny-embed", fault.InvalidArgument, ""},
		{"no model's name", nil, "../../etc/passwd", fault.InvalidArgument, ""},
		{"status 500", []ollamatest.Step{ollamatest.Status(500, "llama runner at /usr/lib/ollama died: 10.0.0.3:1234")}, "tiny-chat", fault.UpstreamError, ""},
		{"queue full", []ollamatest.Step{ollamatest.QueueFull()}, "tiny-chat", fault.UpstreamUnavailable, ""},
		{"cut at once", []ollamatest.Step{ollamatest.Cut()}, "tiny-chat", fault.UpstreamUnavailable, ""},
		{"cut mid-way", []ollamatest.Step{piece, ollamatest.Cut()}, "tiny-chat", fault.UpstreamUnavailable, "Once upon"},
		{"error line mid-way", []ollamatest.Step{piece, ollamatest.Fail("an error at /root/.ollama/models was encountered")}, "tiny-chat", fault.UpstreamError, "Once upon"},
		{"ends without done", []ollamatest.Step{piece}, "tiny-chat", fault.UpstreamError, "Once upon"},
		{"nonsense", []ollamatest.Step{piece, ollamatest.Line("{nonsense")}, "tiny-chat", fault.UpstreamError, "Once upon"},
		{"an endless line", []ollamatest.Step{piece, ollamatest.Raw(strings.Repeat("x", 2<<20))}, "tiny-chat", fault.UpstreamError, "Once upon"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := apptest.Start(t, storetest.SQLite(t), nil)
			a.Upstream.Script("tiny-chat", c.steps...)
			for protocol, s := range speakers(a, a.AdminKey) {
				stream, err := s.Ollama.Chat(t.Context(), &paddockv1.ChatRequest{Model: c.model, Messages: hi})
				must(t, err)
				said := ""
				for stream.Receive() {
					said += stream.Msg().GetContent()
				}
				err = stream.Err()
				if said != c.said || apptest.Reason(err) != c.want {
					t.Errorf("%s: said %q, then %v; want %q, then %s", protocol, said, err, c.said, c.want)
				}
				wantToldProperly(t, err)
				for _, inside := range []string{"/usr", "/root", "10.0.0.3"} {
					if err != nil && strings.Contains(err.Error(), inside) {
						t.Errorf("%s: tells of the inside: %v", protocol, err)
					}
				}
			}
		})
	}
}

// TestOllamaAway: told within two seconds beyond its connect time-out, the rest works on, and it heals by itself.
func TestOllamaAway(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.SQLite(t), nil)
	a.Upstream.Stop()
	for range 10 { // with the circuit breaker closed, half-open and open
		for protocol, c := range speakers(a, a.AdminKey) {
			began := time.Now()
			_, listed := c.Ollama.ListModels(t.Context(), &paddockv1.ListModelsRequest{})
			_, embedded := c.Ollama.Embed(t.Context(), &paddockv1.EmbedRequest{Model: "tiny-embed", Input: []string{"x"}})
			stream, chatted := c.Ollama.Chat(t.Context(), &paddockv1.ChatRequest{Model: "tiny-chat", Messages: hi})
			if chatted == nil {
				stream.Receive()
				chatted = stream.Err()
			}
			if took := time.Since(began); took > 4*time.Second {
				t.Errorf("%s: three calls took %v", protocol, took)
			}
			for _, err := range []error{listed, embedded, chatted} {
				apptest.WantReason(t, err, fault.UpstreamUnavailable)
				wantToldProperly(t, err)
			}
		}
	}
	_, err := a.Admin().Users.CreateUser(t.Context(), &paddockv1.CreateUserRequest{Email: "meanwhile@example.com"})
	must(t, err)
	a.Upstream.Resume(t)
	for deadline := time.Now().Add(15 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		if _, err = a.Admin().Ollama.ListModels(t.Context(), &paddockv1.ListModelsRequest{}); err == nil || time.Now().After(deadline) {
			break
		}
	}
	if err != nil {
		t.Errorf("not healed: %v", err)
	}
}

// TestNothingOfTheCallerGoesUpstream but what the contract passes on.
func TestNothingOfTheCallerGoesUpstream(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.SQLite(t), nil)
	header := bearerOf(a.AdminKey)
	for name, value := range map[string]string{
		"Cookie": "paddock_refresh=canary", "X-Canary": "canary", "X-Forwarded-For": "198.51.100.7", "Origin": "https://canary.example",
		"Referer": "https://canary.example", "User-Agent": "canary", "X-Request-Id": "canary", "Traceparent": "00-canary",
	} {
		header.Set(name, value)
	}
	for procedure, body := range map[string]string{
		"/paddock.v1.OllamaService/ListModels": `{"canary":"canary"}`,
		"/paddock.v1.OllamaService/Embed":      `{"model":"TINY-EMBED","input":["x"]}`,
	} {
		if got := send(t, http.MethodPost, a.URL+procedure, header, body); got.StatusCode != http.StatusOK {
			t.Errorf("%s: %d %s", procedure, got.StatusCode, got.body)
		}
	}
	header.Set("Content-Type", "application/connect+json")
	chat := `{"model":"tiny-chat","messages":[{"role":"user","content":"hi"}]}`
	send(t, http.MethodPost, a.URL+"/paddock.v1.OllamaService/Chat", header, "\x00\x00\x00\x00"+string(rune(len(chat)))+chat)
	if len(a.Upstream.To("/api/chat")) != 1 {
		t.Error("no chat went upstream")
	}
	for _, r := range a.Upstream.Requests() {
		for name, values := range r.Header {
			if joined := strings.Join(values, " "); strings.Contains(joined, "canary") || strings.Contains(joined, a.AdminKey) || strings.Contains(joined, "198.51") {
				t.Errorf("%s got %s: %s", r.Path, name, joined)
			}
		}
		if strings.Contains(string(r.Body), "canary") || strings.Contains(string(r.Body), "TINY") {
			t.Errorf("%s got %s", r.Path, r.Body)
		}
	}
}

// TestAClientsOwnDeadlineCounts in every protocol, and is no fault of ours.
func TestAClientsOwnDeadlineCounts(t *testing.T) {
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
