package credentials_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/secret"
	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

func issue(t testing.TB, a *apptest.App, by string, req *paddockv1.IssueApiKeyRequest, options ...connect.ClientOption) (*paddockv1.IssueApiKeyResponse, error) {
	t.Helper()
	return a.As(by, options...).Credentials.IssueApiKey(t.Context(), req)
}

func mustIssue(t testing.TB, a *apptest.App, by string, req *paddockv1.IssueApiKeyRequest) *paddockv1.IssueApiKeyResponse {
	t.Helper()
	m, err := issue(t, a, by, req)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func list(t testing.TB, a *apptest.App, by, user string) ([]*paddockv1.Credential, error) {
	t.Helper()
	m, err := a.As(by).Credentials.ListCredentials(t.Context(), &paddockv1.ListCredentialsRequest{UserId: user})
	return m.GetCredentials(), err
}

func revoke(t testing.TB, a *apptest.App, by, id string) error {
	t.Helper()
	_, err := a.As(by).Credentials.RevokeCredential(t.Context(), &paddockv1.RevokeCredentialRequest{Id: id})
	return err
}

func rotate(t testing.TB, a *apptest.App, by, id string) (*paddockv1.RotateCredentialResponse, error) {
	t.Helper()
	return a.As(by).Credentials.RotateCredential(t.Context(), &paddockv1.RotateCredentialRequest{Id: id})
}

func whoAmI(t testing.TB, a *apptest.App, credential string) error {
	t.Helper()
	_, err := a.As(credential).Auth.WhoAmI(t.Context(), &paddockv1.WhoAmIRequest{})
	return err
}

func TestIssueApiKey(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		p := a.NewPerson(t)
		ends := time.Now().Add(time.Hour).Truncate(time.Microsecond)
		for by, req := range map[string]*paddockv1.IssueApiKeyRequest{
			p.Token:    {Label: "  my <b>laptop</b>\t"},
			p.Key:      {Label: "password", UserId: p.GetId(), ExpiresAt: timestamppb.New(ends)},
			a.AdminKey: {Label: "'; DROP TABLE users; --", UserId: p.GetId()},
		} {
			m := mustIssue(t, a, by, req)
			c := m.GetCredential()
			key, err := secret.ParseKey(m.GetSecret())
			if err != nil || c.GetPrefix() != "pdk_"+key.ID || c.GetLabel() != strings.TrimSpace(req.GetLabel()) || c.GetUserId() != p.GetId() ||
				c.GetRevokedAt() != nil || c.GetLastUsedAt() != nil || (c.GetExpiresAt() != nil) != (req.GetExpiresAt() != nil) {
				t.Errorf("issued %v, %v", c, err)
			}
			if c.GetExpiresAt() != nil && !c.GetExpiresAt().AsTime().Equal(ends) {
				t.Errorf("expires at %s, want %s", c.GetExpiresAt().AsTime(), ends)
			}
			if err := whoAmI(t, a, m.GetSecret()); err != nil {
				t.Error(err)
			}
			entry := a.Entries(t, "api_key_issued")[0]
			// With which key it was done; the detail tells to which.
			with := map[string]string{p.Token: c.GetId(), p.Key: p.KeyID}[by]
			if entry.GetTargetUserId() != p.GetId() || with != "" && entry.GetCredentialId() != with || entry.GetCredentialId() == "" || entry.GetDetail() != c.GetPrefix()+" "+c.GetLabel() ||
				strings.Contains(entry.String(), key.Secret) {
				t.Errorf("entry %v", entry)
			}
			row, err := a.Store.Credential.Get(t.Context(), uuid.MustParse(c.GetId()))
			if err != nil || !strings.HasPrefix(row.KeyHash, "$argon2id$") || strings.Contains(row.KeyHash, key.Secret) {
				t.Errorf("stored %q, %v", row.KeyHash, err)
			}
		}
		// A key labelled "password" is no password.
		if _, err := a.As("").Auth.Login(t.Context(), &paddockv1.LoginRequest{Email: p.GetEmail(), Password: p.Key}); apptest.Reason(err) != apierr.InvalidCredentials {
			t.Errorf("login with a key: %v", err)
		}
	})
}

func TestIssueApiKey_Refused(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		p, stranger := a.NewPerson(t, "user"), a.NewPerson(t)
		for name, req := range map[string]*paddockv1.IssueApiKeyRequest{
			"no label":            {},
			"an empty label":      {Label: " \t\n\u2003"},
			"a long label":        {Label: strings.Repeat("ä", 101)},
			"expired":             {Label: "x", ExpiresAt: timestamppb.New(time.Now().Add(-time.Second))},
			"expired long ago":    {Label: "x", ExpiresAt: &timestamppb.Timestamp{Seconds: -1 << 40}},
			"beyond the year":     {Label: "x", ExpiresAt: &timestamppb.Timestamp{Seconds: 1 << 40}},
			"beyond all years":    {Label: "x", ExpiresAt: &timestamppb.Timestamp{Seconds: 1<<63 - 1}},
			"of impossible nanos": {Label: "x", ExpiresAt: &timestamppb.Timestamp{Seconds: time.Now().Unix() + 60, Nanos: -1}},
		} {
			_, err := a.AsGRPC(p.Key).Credentials.IssueApiKey(t.Context(), req)
			if apptest.Reason(err) != apierr.InvalidArgument {
				t.Errorf("%s: %v", name, err)
			}
		}
		_, err := issue(t, a, p.Key, &paddockv1.IssueApiKeyRequest{Label: "x", UserId: stranger.GetId()})
		_, absent := issue(t, a, p.Key, &paddockv1.IssueApiKeyRequest{Label: "x", UserId: uuid.NewString()})
		apptest.WantReason(t, err, apierr.NotFoundReason)
		if fmt.Sprint(err) != fmt.Sprint(absent) {
			t.Errorf("another's is %q, an absent one %q", err, absent)
		}
		_, err = issue(t, a, a.AdminKey, &paddockv1.IssueApiKeyRequest{Label: "x", UserId: uuid.NewString()})
		apptest.WantReason(t, err, apierr.NotFoundReason)
		if n := len(a.Entries(t, "api_key_issued")); n != 2 { // those of the two persons
			t.Errorf("%d entries", n)
		}
	})
}

func TestListCredentials(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		p, stranger := a.NewPerson(t), a.NewPerson(t)
		mustIssue(t, a, p.Token, &paddockv1.IssueApiKeyRequest{Label: "second"})
		if err := revoke(t, a, p.Token, p.KeyID); err != nil {
			t.Fatal(err)
		}
		for by, user := range map[string]string{p.Token: "", a.AdminKey: p.GetId()} {
			keys, err := list(t, a, by, user)
			if err != nil || len(keys) != 2 || keys[0].GetLabel() != "second" || keys[1].GetId() != p.KeyID || keys[1].GetRevokedAt() == nil {
				t.Errorf("%v, %v", keys, err)
			}
			for _, c := range keys {
				if strings.Contains(c.String(), "argon2") {
					t.Errorf("a hash is listed: %v", c)
				}
			}
		}
		_, err := list(t, a, stranger.Key, p.GetId())
		_, absent := list(t, a, stranger.Key, uuid.NewString())
		apptest.WantReason(t, err, apierr.NotFoundReason)
		if fmt.Sprint(err) != fmt.Sprint(absent) {
			t.Errorf("another's are %q, those of an absent one %q", err, absent)
		}
		_, err = list(t, a, a.AdminKey, uuid.NewString())
		apptest.WantReason(t, err, apierr.NotFoundReason)
		silent, err := a.Admin().Users.CreateUser(t.Context(), &paddockv1.CreateUserRequest{Email: "silent@example.com"})
		if err != nil {
			t.Fatal(err)
		}
		if keys, err := list(t, a, a.AdminKey, silent.GetUser().GetId()); err != nil || len(keys) != 0 {
			t.Errorf("a user without keys: %v, %v", keys, err)
		}
	})
}

func TestRevokeCredential_RefusedFromTheNextCall(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		p, stranger := a.NewPerson(t), a.NewPerson(t)
		other := mustIssue(t, a, p.Token, &paddockv1.IssueApiKeyRequest{Label: "other"})
		err, absent := revoke(t, a, stranger.Key, p.KeyID), revoke(t, a, stranger.Key, uuid.NewString())
		apptest.WantReason(t, err, apierr.NotFoundReason)
		if fmt.Sprint(err) != fmt.Sprint(absent) {
			t.Errorf("another's is %q, an absent one %q", err, absent)
		}
		replicas := []*apptest.App{a}
		if !a.Store.Embedded() {
			replicas = append(replicas, a.Replica(t))
		}
		for _, replica := range replicas {
			if err := whoAmI(t, replica, p.Key); err != nil {
				t.Fatal(err)
			}
		}
		for range 3 {
			if err := revoke(t, a, other.GetSecret(), p.KeyID); err != nil { // by another key of the same user
				t.Fatal(err)
			}
			for i, replica := range replicas {
				if err := whoAmI(t, replica, p.Key); apptest.Reason(err) != apierr.Unauthenticated {
					t.Errorf("replica %d: %v", i, err)
				}
			}
		}
		if err := revoke(t, a, other.GetSecret(), other.GetCredential().GetId()); err != nil {
			t.Errorf("a key cannot revoke itself: %v", err)
		}
		entries := a.Entries(t, "api_key_revoked")
		if len(entries) != 2 || !strings.Contains(entries[1].GetDetail(), prefixOf(t, p.Key)) || entries[1].GetTargetUserId() != p.GetId() {
			t.Errorf("entries %v", entries)
		}
	})
}

func TestIssueApiKey_Expired(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		p := a.NewPerson(t)
		a.Exec(t, `UPDATE credentials SET expires_at = $1 WHERE id = $2`, store.Now().Add(time.Minute), p.KeyID)
		if err := whoAmI(t, a, p.Key); err != nil {
			t.Error(err)
		}
		a.Exec(t, `UPDATE credentials SET expires_at = $1 WHERE id = $2`, store.Now(), p.KeyID)
		apptest.WantReason(t, whoAmI(t, a, p.Key), apierr.Unauthenticated)
		_, err := rotate(t, a, p.Token, p.KeyID)
		apptest.WantReason(t, err, apierr.NotFoundReason)
	})
}

func prefixOf(t testing.TB, key string) string {
	t.Helper()
	k, err := secret.ParseKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return secret.Prefix(k.ID)
}

func TestRotateCredential(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		p, stranger := a.NewPerson(t), a.NewPerson(t)
		ends := time.Now().Add(time.Hour).Truncate(time.Microsecond)
		old := mustIssue(t, a, p.Token, &paddockv1.IssueApiKeyRequest{Label: "ci", ExpiresAt: timestamppb.New(ends)})
		id := old.GetCredential().GetId()
		_, err := rotate(t, a, stranger.Key, id)
		_, absent := rotate(t, a, stranger.Key, uuid.NewString())
		apptest.WantReason(t, err, apierr.NotFoundReason)
		if fmt.Sprint(err) != fmt.Sprint(absent) {
			t.Errorf("another's is %q, an absent one %q", err, absent)
		}

		m, err := rotate(t, a, old.GetSecret(), id) // by itself
		if err != nil {
			t.Fatal(err)
		}
		c := m.GetCredential()
		if c.GetId() == id || c.GetLabel() != "ci" || !c.GetExpiresAt().AsTime().Equal(ends) || c.GetUserId() != p.GetId() || m.GetSecret() == old.GetSecret() {
			t.Errorf("new key %v", c)
		}
		apptest.WantReason(t, whoAmI(t, a, old.GetSecret()), apierr.Unauthenticated)
		if err := whoAmI(t, a, m.GetSecret()); err != nil {
			t.Error(err)
		}
		_, err = rotate(t, a, p.Token, id)
		apptest.WantReason(t, err, apierr.NotFoundReason)
		entries := a.Entries(t, "api_key_rotated")
		if len(entries) != 1 || entries[0].GetCredentialId() == c.GetId() || !strings.Contains(entries[0].GetDetail(), old.GetCredential().GetPrefix()) ||
			!strings.Contains(entries[0].GetDetail(), c.GetPrefix()) || len(a.Entries(t, "api_key_revoked")) != 0 {
			t.Errorf("entries %v", entries)
		}
	})
}

func TestRotateCredential_ConcurrentCalls(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		p := a.NewPerson(t)
		id := p.KeyID
		for range 5 {
			var made [2]*paddockv1.RotateCredentialResponse
			var errs [2]error
			apptest.AtOnce(2, func(i int) { made[i], errs[i] = rotate(t, a, p.Token, id) })
			winner := 0
			if errs[0] != nil {
				winner = 1
			}
			if errs[winner] != nil || apptest.Reason(errs[1-winner]) != apierr.NotFoundReason {
				t.Fatalf("%v, %v", errs[0], errs[1])
			}
			id = made[winner].GetCredential().GetId()
		}
		keys, err := list(t, a, p.Token, "")
		alive := 0
		for _, c := range keys {
			if c.GetRevokedAt() == nil {
				alive++
			}
		}
		if err != nil || len(keys) != 6 || alive != 1 {
			t.Errorf("%d keys, %d of them good, %v", len(keys), alive, err)
		}
	})
}

func TestIssueApiKey_IdempotentByHeader(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		p, other := a.NewPerson(t), a.NewPerson(t)
		k := apptest.WithHeader("Idempotency-Key", "7e2f")
		var mu sync.Mutex
		ids, secrets := map[string]bool{}, 0
		apptest.AtOnce(20, func(int) {
			m, err := issue(t, a, p.Token, &paddockv1.IssueApiKeyRequest{Label: "ci"}, k)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
				return
			}
			ids[m.GetCredential().GetId()] = true
			if m.GetSecret() != "" {
				secrets++
			}
		})
		if len(ids) != 1 || secrets != 1 {
			t.Errorf("%d keys were made and %d secrets told", len(ids), secrets)
		}
		if m, err := issue(t, a, p.Key, &paddockv1.IssueApiKeyRequest{Label: "ci"}, k); err != nil || !ids[m.GetCredential().GetId()] || m.GetSecret() != "" {
			t.Errorf("a retry by the same user's key: %v, %v", m, err)
		}
		_, err := issue(t, a, p.Token, &paddockv1.IssueApiKeyRequest{Label: "another"}, k)
		apptest.WantReason(t, err, apierr.InvalidArgument)
		m, err := issue(t, a, other.Token, &paddockv1.IssueApiKeyRequest{Label: "ci"}, k)
		if err != nil || m.GetSecret() == "" {
			t.Errorf("another user with the same header: %v, %v", m, err)
		}
		if n := len(a.Entries(t, "api_key_issued")); n != 4 { // two of them the persons' first
			t.Errorf("%d entries", n)
		}
	})
}

func TestListCredentials_LastUsed(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		p := a.NewPerson(t)
		used := func() time.Time {
			keys, err := list(t, a, p.Token, "")
			if err != nil || len(keys) != 1 {
				t.Fatal(keys, err)
			}
			if keys[0].GetLastUsedAt() == nil {
				return time.Time{}
			}
			return keys[0].GetLastUsedAt().AsTime()
		}
		if !used().IsZero() {
			t.Errorf("used at %s before its first use", used())
		}
		if err := whoAmI(t, a, p.Key); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(10 * time.Second); used().IsZero(); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("the use does not appear")
			}
		}
		if time.Since(used()) > time.Minute {
			t.Errorf("used at %s", used())
		}
		if n := len(a.Entries(t, "")); n != 4 { // bootstrap, user, login and key, and nothing of the use
			t.Errorf("%d entries: %v", n, a.Entries(t, ""))
		}
	})
}

// TestIssueApiKey_UserIsBeingDeleted promises a clear answer, whichever comes first.
func TestIssueApiKey_UserIsBeingDeleted(t *testing.T) {
	a := apptest.Start(t, storetest.PostgreSQL(t), nil)
	for range 10 {
		p := a.NewPerson(t)
		apptest.AtOnce(4, func(i int) {
			var err error
			switch i {
			case 0:
				_, err = a.Admin().Users.DeleteUser(t.Context(), &paddockv1.DeleteUserRequest{Id: p.GetId()})
			case 1:
				_, err = rotate(t, a, a.AdminKey, p.KeyID)
			default:
				_, err = issue(t, a, a.AdminKey, &paddockv1.IssueApiKeyRequest{Label: "x", UserId: p.GetId()})
			}
			if reason := apptest.Reason(err); err != nil && reason != apierr.NotFoundReason {
				t.Error(err)
			}
		})
	}
}
