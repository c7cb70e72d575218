package apptest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/structpb"

	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
)

// heldCall begins a call whose body comes only when finish is called, which returns the status and the answer. By the time that
// heldCall returns, the server has let the caller in and asked for the body.
func heldCall(t *testing.T, a *apptest.App, credential, method string, request any) (finish func() (int, string)) {
	t.Helper()
	message, err := json.Marshal(request)
	must(t, err)
	in, out := io.Pipe()
	asked := make(chan struct{})
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got100Continue: func() { close(asked) }})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.URL+"/paddock.v1."+method, in)
	must(t, err)
	req.Header.Set("Authorization", "Bearer "+credential)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Expect", "100-continue")
	type answer struct {
		status int
		body   string
	}
	answered := make(chan answer, 1)
	client := &http.Client{Transport: &http.Transport{ExpectContinueTimeout: time.Minute, DisableKeepAlives: true}}
	go func() {
		res, err := client.Do(req)
		if err != nil {
			answered <- answer{body: err.Error()}
			return
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		answered <- answer{res.StatusCode, fmt.Sprint(string(body), err)}
	}()
	select {
	case <-asked:
	case got := <-answered:
		t.Fatalf("%s: answered before the body was sent: %d %s", method, got.status, got.body)
	}
	return func() (int, string) {
		_, err := io.Copy(out, bytes.NewReader(message))
		must(t, err)
		out.Close()
		got := <-answered
		return got.status, got.body
	}
}

// TestRightsThatEnd_WhileACallRuns: what a caller was let in by must still hold when the change is made.
func TestRightsThatEnd_WhileACallRuns(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		ctx, none := t.Context(), false
		for name, end := range map[string]func(ctx context.Context, p *apptest.Person) error{
			"demoted": func(ctx context.Context, p *apptest.Person) error {
				_, err := a.Admin().Users.UpdateUser(ctx, &paddockv1.UpdateUserRequest{Id: p.GetId(), Roles: roleList(t, "user")})
				return err
			},
			"deactivated": func(ctx context.Context, p *apptest.Person) error {
				_, err := a.Admin().Users.UpdateUser(ctx, &paddockv1.UpdateUserRequest{Id: p.GetId(), Active: &none})
				return err
			},
			"deleted": func(ctx context.Context, p *apptest.Person) error {
				_, err := a.Admin().Users.DeleteUser(ctx, &paddockv1.DeleteUserRequest{Id: p.GetId()})
				return err
			},
			"key revoked, session ended": func(ctx context.Context, p *apptest.Person) error {
				if _, err := a.As(p.Token).Auth.Logout(ctx, &paddockv1.LogoutRequest{}); err != nil {
					return err
				}
				_, err := a.Admin().Credentials.RevokeCredential(ctx, &paddockv1.RevokeCredentialRequest{Id: p.KeyID})
				return err
			},
		} {
			p := a.NewPerson(t, "admin", "user")
			var finish []func() (int, string)
			email := func(i int) string { return fmt.Sprintf("made%d-%s@example.com", i, p.GetId()) }
			for i, credential := range []string{p.Token, p.Key} {
				finish = append(finish, heldCall(t, a, credential, "UserService/CreateUser", map[string]any{"email": email(i)}))
			}
			finish = append(finish,
				heldCall(t, a, p.Token, "AuthService/ChangePassword", map[string]any{"currentPassword": p.Password, "newPassword": "another horse entirely"}),
				heldCall(t, a, p.Key, "CredentialService/IssueApiKey", map[string]any{"label": "mine"}),
			)
			must(t, end(ctx, p))
			for i, f := range finish {
				if status, body := f(); status < 400 || status >= 500 {
					t.Errorf("%s: call %d: %d %s", name, i, status, body)
				}
			}
			m, err := a.Admin().Users.ListUsers(ctx, &paddockv1.ListUsersRequest{Query: "-" + p.GetId() + "@"})
			must(t, err)
			if len(m.GetUsers()) > 0 {
				t.Errorf("%s: %d users were made all the same", name, len(m.GetUsers()))
			}
		}
	})
}

// TestRightsThatEnd_ByTheCallItself: who ends the rights by which they do so is not refused.
func TestRightsThatEnd_ByTheCallItself(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		ctx, none := t.Context(), false
		for name, act := range map[string]func(p *apptest.Person, as *apptest.Clients) error{
			"delete myself": func(p *apptest.Person, as *apptest.Clients) error {
				_, err := as.Users.DeleteUser(ctx, &paddockv1.DeleteUserRequest{Id: p.GetId()})
				return err
			},
			"deactivate myself": func(p *apptest.Person, as *apptest.Clients) error {
				_, err := as.Users.UpdateUser(ctx, &paddockv1.UpdateUserRequest{Id: p.GetId(), Active: &none})
				return err
			},
			"demote myself": func(p *apptest.Person, as *apptest.Clients) error {
				_, err := as.Users.UpdateUser(ctx, &paddockv1.UpdateUserRequest{Id: p.GetId(), Roles: roleList(t, "user")})
				return err
			},
			"set my password": func(p *apptest.Person, as *apptest.Clients) error {
				_, err := as.Users.SetPassword(ctx, &paddockv1.SetPasswordRequest{UserId: p.GetId(), Password: "another horse entirely"})
				return err
			},
			"revoke my key": func(p *apptest.Person, as *apptest.Clients) error {
				_, err := as.Credentials.RevokeCredential(ctx, &paddockv1.RevokeCredentialRequest{Id: p.KeyID})
				return err
			},
			"rotate my key": func(p *apptest.Person, as *apptest.Clients) error {
				_, err := as.Credentials.RotateCredential(ctx, &paddockv1.RotateCredentialRequest{Id: p.KeyID})
				return err
			},
		} {
			for _, by := range []string{"session", "key"} {
				p := a.NewPerson(t, "admin", "user")
				credential := p.Token
				if by == "key" {
					credential = p.Key
				}
				if err := act(p, a.As(credential)); err != nil && !strings.Contains(err.Error(), "needs a session") && !strings.Contains(err.Error(), "permission_denied") {
					t.Errorf("%s with a %s: %v", name, by, err)
				}
			}
		}
	})
}

// TestRights_SharedByManyCalls: calls by one key that make and end keys, of its own user too, do not wait for each other for long.
func TestRights_SharedByManyCalls(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		replicas := []*apptest.App{a}
		if !a.Store.Embedded() {
			replicas = append(replicas, a.Replica(t), a.Replica(t))
		}
		p := a.NewPerson(t, "user")
		admin := a.NewPerson(t, "admin")
		var callers sync.WaitGroup
		for i := range 12 {
			as := replicas[i%len(replicas)].As(admin.Key)
			owner := []string{p.GetId(), admin.GetId(), ""}[i%3]
			callers.Go(func() {
				for range 6 {
					m, err := as.Credentials.IssueApiKey(t.Context(), &paddockv1.IssueApiKeyRequest{UserId: owner, Label: "x"})
					if err != nil {
						t.Errorf("issue: %v", err)
						return
					}
					if _, err := as.Credentials.RevokeCredential(t.Context(), &paddockv1.RevokeCredentialRequest{Id: m.GetCredential().GetId()}); err != nil {
						t.Errorf("revoke: %v", err)
					}
					if _, err := as.Usage.SetQuota(t.Context(), &paddockv1.SetQuotaRequest{UserId: admin.GetId(), TokensPerDay: new(int64(1000))}); err != nil {
						t.Errorf("quota: %v", err)
					}
				}
			})
		}
		callers.Wait()
	})
}

func roleList(t *testing.T, names ...any) *structpb.ListValue {
	t.Helper()
	list, err := structpb.NewList(names)
	must(t, err)
	return list
}
