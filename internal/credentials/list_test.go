package credentials_test

import (
	"strings"
	"testing"

	"connectrpc.com/connect"
	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/store"
)

func TestCredentials_OfAnotherUser(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		p, stranger := a.NewPerson(t), a.NewPerson(t)
		_, _ = rotate(t, a, stranger.Key, p.KeyID)
		_, err := a.As(stranger.Key).Credentials.ListCredentials(t.Context(), &paddockv1.ListCredentialsRequest{UserId: p.GetId()})
		apptest.WantReason(t, err, apierr.NotFoundReason)
		entries := a.Entries(t, "access_denied")
		if len(entries) != 2 || !strings.Contains(entries[0].GetDetail(), p.GetId()) || !strings.Contains(entries[1].GetDetail(), p.KeyID) ||
			entries[1].GetActorUserId() != stranger.GetId() || entries[1].GetCredentialId() != stranger.KeyID {
			t.Errorf("entries %v", entries)
		}
	})
}

// insertKeys gives the person so many keys more that nobody knows.
func insertKeys(t *testing.T, a *apptest.App, p *apptest.Person, n int, revoked any) {
	t.Helper()
	for range n {
		id := uuid.New()
		a.Exec(t, `INSERT INTO credentials (id, user_id, label, key_id, key_hash, created_at, revoked_at) VALUES ($1, $2, 'x', $3, '', $4, $5)`,
			id, uuid.MustParse(p.GetId()), id.String(), store.Now(), revoked)
	}
}

// TestListCredentials_EveryLiveKey, however many were made after it.
func TestListCredentials_EveryLiveKey(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		p := a.NewPerson(t)
		insertKeys(t, a, p, 600, store.Now())
		insertKeys(t, a, p, 498, nil)
		mustIssue(t, a, p.Key, &paddockv1.IssueApiKeyRequest{Label: "the last"})
		m, err := a.As(p.Key).Credentials.ListCredentials(t.Context(), &paddockv1.ListCredentialsRequest{})
		if err != nil {
			t.Fatal(err)
		}
		live := map[string]bool{}
		for _, c := range m.GetCredentials() {
			live[c.GetId()] = c.GetRevokedAt() == nil
		}
		if len(m.GetCredentials()) != 1000 || !live[p.KeyID] {
			t.Errorf("%d listed, the first among them: %t", len(m.GetCredentials()), live[p.KeyID])
		}
		_, err = a.As(p.Key).Credentials.IssueApiKey(t.Context(), &paddockv1.IssueApiKeyRequest{Label: "one too many"})
		if connect.CodeOf(err) != connect.CodeFailedPrecondition {
			t.Errorf("one too many: %v", err)
		}
	})
}
