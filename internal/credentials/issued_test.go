package credentials_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
)

// issued has a credential issue a key.
func issued(t *testing.T, a *apptest.App, credential string, req *paddockv1.IssueApiKeyRequest) *paddockv1.IssueApiKeyResponse {
	t.Helper()
	req.Label = "x"
	m, err := a.As(credential).Credentials.IssueApiKey(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func wantKey(t *testing.T, a *apptest.App, name, key string, good bool) {
	t.Helper()
	_, err := a.As(key).Auth.WhoAmI(t.Context(), &paddockv1.WhoAmIRequest{})
	switch {
	case good && err != nil:
		t.Errorf("%s: %v", name, err)
	case !good:
		if apptest.Reason(err) != apierr.Unauthenticated {
			t.Errorf("%s still works: %v", name, err)
		}
	}
}

// TestIssueApiKey_ByAKey: a key that a key issues lives no longer than that one, directly or not.
func TestIssueApiKey_ByAKey(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		p := a.NewPerson(t, "user")
		tomorrow := timestamppb.New(time.Now().Add(24 * time.Hour).Truncate(time.Second))
		root := issued(t, a, p.Token, &paddockv1.IssueApiKeyRequest{ExpiresAt: tomorrow})
		if by := root.GetCredential().GetIssuedBy(); by != "" {
			t.Errorf("by a person: issued by %q", by)
		}
		child := issued(t, a, root.GetSecret(), &paddockv1.IssueApiKeyRequest{})
		longer := issued(t, a, child.GetSecret(), &paddockv1.IssueApiKeyRequest{ExpiresAt: timestamppb.New(time.Now().Add(48 * time.Hour))})
		soon := timestamppb.New(time.Now().Add(time.Hour).Truncate(time.Second))
		shorter := issued(t, a, root.GetSecret(), &paddockv1.IssueApiKeyRequest{ExpiresAt: soon})
		for _, c := range []struct {
			name    string
			made    *paddockv1.IssueApiKeyResponse
			by      *paddockv1.IssueApiKeyResponse
			expires *timestamppb.Timestamp
		}{{"without an expiry", child, root, tomorrow}, {"a longer one", longer, child, tomorrow}, {"a shorter one", shorter, root, soon}} {
			got := c.made.GetCredential()
			if got.GetIssuedBy() != c.by.GetCredential().GetId() || !got.GetExpiresAt().AsTime().Equal(c.expires.AsTime()) {
				t.Errorf("%s: issued by %q, until %v", c.name, got.GetIssuedBy(), got.GetExpiresAt().AsTime())
			}
		}
		if _, err := a.As(p.Token).Credentials.RevokeCredential(t.Context(), &paddockv1.RevokeCredentialRequest{Id: root.GetCredential().GetId()}); err != nil {
			t.Fatal(err)
		}
		for name, key := range map[string]string{"the key": root.GetSecret(), "its child": child.GetSecret(), "the child's": longer.GetSecret(), "another": shorter.GetSecret()} {
			wantKey(t, a, name, key, false)
		}
		wantKey(t, a, "a key of the same person", p.Key, true)
	})
}

// TestRotateCredential_KeysItIssued stay when a key rotates itself, and end when anybody else does it.
func TestRotateCredential_KeysItIssued(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		p := a.NewPerson(t, "user")
		tomorrow := timestamppb.New(time.Now().Add(24 * time.Hour).Truncate(time.Second))
		expiring := issued(t, a, p.Token, &paddockv1.IssueApiKeyRequest{ExpiresAt: tomorrow})
		for _, by := range []string{"itself", "a person", "another key"} {
			old := issued(t, a, p.Token, &paddockv1.IssueApiKeyRequest{})
			child := issued(t, a, old.GetSecret(), &paddockv1.IssueApiKeyRequest{})
			credential := map[string]string{"itself": old.GetSecret(), "a person": p.Token, "another key": expiring.GetSecret()}[by]
			m, err := a.As(credential).Credentials.RotateCredential(t.Context(), &paddockv1.RotateCredentialRequest{Id: old.GetCredential().GetId()})
			if err != nil {
				t.Fatalf("by %s: %v", by, err)
			}
			wantKey(t, a, "by "+by+": the old key", old.GetSecret(), false)
			wantKey(t, a, "by "+by+": the new key", m.GetSecret(), true)
			wantKey(t, a, "by "+by+": the key that the old one had issued", child.GetSecret(), by == "itself")
			issuer, expires := "", (*timestamppb.Timestamp)(nil)
			if by == "another key" {
				issuer, expires = expiring.GetCredential().GetId(), tomorrow
			}
			if got := m.GetCredential(); got.GetIssuedBy() != issuer || !got.GetExpiresAt().AsTime().Equal(expires.AsTime()) {
				t.Errorf("by %s: issued by %q, until %v", by, got.GetIssuedBy(), got.GetExpiresAt().AsTime())
			}
			_, err = a.As(p.Token).Credentials.RevokeCredential(t.Context(), &paddockv1.RevokeCredentialRequest{Id: m.GetCredential().GetId()})
			if err != nil {
				t.Fatal(err)
			}
			wantKey(t, a, "by "+by+": after the new key", child.GetSecret(), false)
		}
	})
}

// TestRotateCredential_TheIssuer: a key cannot free itself of the one by which it was issued.
func TestRotateCredential_TheIssuer(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		p := a.NewPerson(t, "user")
		root := issued(t, a, p.Token, &paddockv1.IssueApiKeyRequest{})
		child := issued(t, a, root.GetSecret(), &paddockv1.IssueApiKeyRequest{})
		leaf := issued(t, a, child.GetSecret(), &paddockv1.IssueApiKeyRequest{})
		for _, by := range []*paddockv1.IssueApiKeyResponse{child, leaf} {
			_, err := a.As(by.GetSecret()).Credentials.RotateCredential(t.Context(), &paddockv1.RotateCredentialRequest{Id: root.GetCredential().GetId()})
			if apptest.Reason(err) != apierr.AccessDenied {
				t.Errorf("%v", err)
			}
		}
		for name, key := range map[string]string{"root": root.GetSecret(), "child": child.GetSecret(), "leaf": leaf.GetSecret()} {
			wantKey(t, a, name, key, true)
		}
	})
}

// TestDeleteUser_KeysItIssued: what a deleted admin's key has issued for others ends with it.
func TestDeleteUser_KeysItIssued(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		p, admin := a.NewPerson(t, "user"), a.NewPerson(t, "admin")
		byKey := issued(t, a, admin.Key, &paddockv1.IssueApiKeyRequest{UserId: p.GetId()})
		byPerson := issued(t, a, admin.Token, &paddockv1.IssueApiKeyRequest{UserId: p.GetId()})
		if _, err := a.Admin().Users.DeleteUser(t.Context(), &paddockv1.DeleteUserRequest{Id: admin.GetId()}); err != nil {
			t.Fatal(err)
		}
		wantKey(t, a, "issued by the admin's key", byKey.GetSecret(), false)
		wantKey(t, a, "issued by the admin", byPerson.GetSecret(), true)
	})
}

// TestRevokeCredential_WhileItsKeysAreRotated: a key that was issued by another cannot escape its end by rotating itself, or by issuing
// a further one, just then.
func TestRevokeCredential_WhileItsKeysAreRotated(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		p := a.NewPerson(t, "user")
		for range 10 {
			root := issued(t, a, p.Token, &paddockv1.IssueApiKeyRequest{})
			var escape sync.WaitGroup
			var made sync.Map
			for range 3 {
				child := issued(t, a, root.GetSecret(), &paddockv1.IssueApiKeyRequest{})
				escape.Go(func() {
					secret, id := child.GetSecret(), child.GetCredential().GetId()
					for {
						made.Store(secret, true)
						if m, err := a.As(secret).Credentials.IssueApiKey(t.Context(), &paddockv1.IssueApiKeyRequest{Label: "x"}); err == nil {
							made.Store(m.GetSecret(), true)
						}
						m, err := a.As(secret).Credentials.RotateCredential(t.Context(), &paddockv1.RotateCredentialRequest{Id: id})
						if err != nil {
							return
						}
						secret, id = m.GetSecret(), m.GetCredential().GetId()
					}
				})
			}
			time.Sleep(20 * time.Millisecond)
			_, err := a.As(p.Token).Credentials.RevokeCredential(t.Context(), &paddockv1.RevokeCredentialRequest{Id: root.GetCredential().GetId()})
			if err != nil {
				t.Fatal(err)
			}
			escape.Wait()
			made.Range(func(secret, _ any) bool {
				wantKey(t, a, "a key of a revoked one's", secret.(string), false)
				return true
			})
		}
	})
}

// TestSetCredentialModels_KeysItIssued lose the models that the key loses, and get none that it has not.
func TestSetCredentialModels_KeysItIssued(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		p := a.NewPerson(t, "user")
		root := issued(t, a, p.Token, &paddockv1.IssueApiKeyRequest{Models: &paddockv1.ModelList{Names: []string{"a", "b", "c"}}})
		child := issued(t, a, root.GetSecret(), &paddockv1.IssueApiKeyRequest{})
		leaf := issued(t, a, child.GetSecret(), &paddockv1.IssueApiKeyRequest{Models: &paddockv1.ModelList{Names: []string{"b", "c", "d"}}})
		set := func(of *paddockv1.IssueApiKeyResponse, models ...string) {
			t.Helper()
			_, err := a.As(p.Token).Credentials.SetCredentialModels(t.Context(), &paddockv1.SetCredentialModelsRequest{
				Id: of.GetCredential().GetId(), Models: &paddockv1.ModelList{Names: models},
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		want := func(name string, of *paddockv1.IssueApiKeyResponse, models string) {
			t.Helper()
			m, err := a.As(p.Token).Credentials.ListCredentials(t.Context(), &paddockv1.ListCredentialsRequest{})
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range m.GetCredentials() {
				if c.GetId() == of.GetCredential().GetId() && strings.Join(c.GetModels().GetNames(), " ") != models {
					t.Errorf("%s: %v, want %s", name, c.GetModels().GetNames(), models)
				}
			}
		}
		want("at first", leaf, "b:latest c:latest")
		set(root, "a", "b")
		want("child", child, "a:latest b:latest")
		want("leaf", leaf, "b:latest")
		set(child, "a", "b", "c")
		want("child with more", child, "a:latest b:latest")
	})
}
