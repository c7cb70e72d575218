package auth_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/structpb"

	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
	"github.com/paddock-gate/paddock/internal/store"
)

// chat begins a chat that never ends by itself and returns, once its first piece is there, what it ends with.
func chat(t *testing.T, a *apptest.App, credential string) (ended <-chan error) {
	t.Helper()
	stream, err := a.As(credential).Ollama.Chat(t.Context(), &paddockv1.ChatRequest{
		Model: "tiny-chat", Messages: []*paddockv1.ChatMessage{{Role: "user", Content: "hi"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if !stream.Receive() {
		t.Fatal(stream.Err())
	}
	end := make(chan error, 1)
	go func() {
		for stream.Receive() {
		}
		end <- stream.Err()
	}()
	return end
}

// TestWatch_StreamsEndWithTheirAuthorization promises that within two seconds of a session's, key's, user's or role's end its
// streams end too, with UNAUTHENTICATED, and no others.
func TestWatch_StreamsEndWithTheirAuthorization(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		a.Upstream.Script("tiny-chat", ollamatest.Say("hello"), ollamatest.Hang())
		admin := a.Admin()
		none, inactive := new(structpb.ListValue), false
		update := func(u *paddockv1.UpdateUserRequest) error {
			_, err := admin.Users.UpdateUser(t.Context(), u)
			return err
		}
		ends := []struct {
			name       string
			credential func(*apptest.Person) string
			end        func(*apptest.Person) error
		}{
			{"logout", token, func(p *apptest.Person) error {
				_, err := a.As(p.Token).Auth.Logout(t.Context(), &paddockv1.LogoutRequest{})
				return err
			}},
			{"key revoked", key, func(p *apptest.Person) error {
				_, err := admin.Credentials.RevokeCredential(t.Context(), &paddockv1.RevokeCredentialRequest{Id: p.KeyID})
				return err
			}},
			{"key expired", key, func(p *apptest.Person) error {
				a.Exec(t, `UPDATE credentials SET expires_at = $1 WHERE id = $2`, store.Now(), p.KeyID)
				return nil
			}},
			{"user disabled", key, func(p *apptest.Person) error {
				return update(&paddockv1.UpdateUserRequest{Id: p.GetId(), Active: &inactive})
			}},
			{"user deleted", token, func(p *apptest.Person) error {
				_, err := admin.Users.DeleteUser(t.Context(), &paddockv1.DeleteUserRequest{Id: p.GetId()})
				return err
			}},
			{"role lost", key, func(p *apptest.Person) error {
				return update(&paddockv1.UpdateUserRequest{Id: p.GetId(), Roles: none})
			}},
		}
		bystander := a.NewPerson(t, "user")
		others := []<-chan error{chat(t, a, bystander.Token), chat(t, a, bystander.Key)}
		var began []<-chan error
		for _, e := range ends {
			p := a.NewPerson(t, "user")
			began = append(began, chat(t, a, e.credential(p)))
			if err := e.end(p); err != nil {
				t.Fatal(e.name, err)
			}
		}
		deadline := time.After(2*time.Second + time.Second) // and some for a busy machine
		for i, e := range ends {
			select {
			case err := <-began[i]:
				if apptest.Reason(err) != apierr.Unauthenticated {
					t.Errorf("%s: the stream ended with %v", e.name, err)
				}
			case <-deadline:
				t.Fatalf("%s: the stream runs on", e.name)
			}
		}
		for _, other := range others {
			select {
			case err := <-other:
				t.Errorf("a stream that has nothing to do with it ended with %v", err)
			default:
			}
		}
		if _, err := a.As(bystander.Token).Auth.Logout(t.Context(), &paddockv1.LogoutRequest{}); err != nil {
			t.Fatal(err)
		}
		if _, err := a.As(bystander.Key).Credentials.RevokeCredential(t.Context(), &paddockv1.RevokeCredentialRequest{Id: bystander.KeyID}); err != nil {
			t.Fatal(err)
		}
		for _, other := range others {
			apptest.WantReason(t, <-other, apierr.Unauthenticated)
		}
	})
}

func token(p *apptest.Person) string { return p.Token }

func key(p *apptest.Person) string { return p.Key }
