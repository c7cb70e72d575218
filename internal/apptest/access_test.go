package apptest_test

import (
	"net/http"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
)

// kind is one kind of caller.
type kind struct {
	name       string
	header     http.Header
	signedIn   bool
	roles      []string
	withAPIKey bool
}

// kinds makes one caller of every kind.
func kinds(t *testing.T, a *apptest.App) []kind {
	t.Helper()
	plain, member, boss := a.NewPerson(t), a.NewPerson(t, "user"), a.NewPerson(t, "admin")
	both := a.NewPerson(t, "admin", "user")
	disabled, deleted, loggedOut := a.NewPerson(t, "admin"), a.NewPerson(t, "admin"), a.NewPerson(t, "admin")
	revoked, expired := a.NewPerson(t, "admin"), a.NewPerson(t, "admin")

	ctx, admin := t.Context(), a.Admin()
	short, err := a.As(expired.Token).Credentials.IssueApiKey(ctx, &paddockv1.IssueApiKeyRequest{
		Label: "short", ExpiresAt: timestamppb.New(time.Now().Add(300 * time.Millisecond)),
	})
	must(t, err)
	_, err = admin.Users.UpdateUser(ctx, &paddockv1.UpdateUserRequest{Id: disabled.GetId(), Active: new(false)})
	must(t, err)
	_, err = admin.Users.DeleteUser(ctx, &paddockv1.DeleteUserRequest{Id: deleted.GetId()})
	must(t, err)
	_, err = a.As(loggedOut.Token).Auth.Logout(ctx, &paddockv1.LogoutRequest{})
	must(t, err)
	_, err = admin.Credentials.RevokeCredential(ctx, &paddockv1.RevokeCredentialRequest{Id: revoked.KeyID})
	must(t, err)
	time.Sleep(time.Until(short.GetCredential().GetExpiresAt().AsTime()))

	xAPIKey := func(key string) http.Header { return http.Header{"X-Api-Key": {key}} }
	return []kind{
		{name: "nobody"},
		{name: "nonsense", header: bearerOf("nonsense")},
		{name: "basic", header: http.Header{"Authorization": {"Basic YTpi"}}},
		{"no role", bearerOf(plain.Token), true, nil, false},
		{"no role's key", bearerOf(plain.Key), true, nil, true},
		{"user", bearerOf(member.Token), true, []string{"user"}, false},
		{"user's key", bearerOf(member.Key), true, []string{"user"}, true},
		{"admin", bearerOf(boss.Token), true, []string{"admin"}, false},
		{"admin's key", bearerOf(boss.Key), true, []string{"admin"}, true},
		{"admin's X-API-Key", xAPIKey(boss.Key), true, []string{"admin"}, true},
		{"admin and user", bearerOf(both.Token), true, []string{"admin", "user"}, false},
		{name: "disabled admin", header: bearerOf(disabled.Token)},
		{name: "disabled admin's key", header: bearerOf(disabled.Key)},
		{name: "deleted admin", header: bearerOf(deleted.Token)},
		{name: "deleted admin's key", header: bearerOf(deleted.Key)},
		{name: "logged-out admin", header: bearerOf(loggedOut.Token)},
		{name: "revoked key", header: bearerOf(revoked.Key)},
		{name: "revoked X-API-Key", header: xAPIKey(revoked.Key)},
		{name: "expired key", header: bearerOf(short.GetSecret())},
	}
}

// expect derives the error that the caller must get from the method's access option alone. A caller with access is told that
// the message is invalid.
func (k kind) expect(rule *paddockv1.AccessRule) verdict {
	admitted := refused(connect.CodeInvalidArgument, apierr.InvalidArgument)
	denied := refused(connect.CodePermissionDenied, apierr.AccessDenied)
	has := map[string]bool{}
	for _, r := range k.roles {
		has[r] = true
	}
	switch {
	case rule.GetLevel() == paddockv1.AccessRule_LEVEL_PUBLIC:
		return admitted
	case !k.signedIn:
		return refused(connect.CodeUnauthenticated, apierr.Unauthenticated)
	case rule.GetSessionOnly() && k.withAPIKey:
		return denied
	}
	switch rule.GetLevel() {
	case paddockv1.AccessRule_LEVEL_SIGNED_IN:
		return admitted
	case paddockv1.AccessRule_LEVEL_USER:
		if has["user"] || has["admin"] {
			return admitted
		}
	case paddockv1.AccessRule_LEVEL_ADMIN:
		if has["admin"] {
			return admitted
		}
	default:
	}
	return denied
}

// TestAccessMatrix calls every method as every kind of caller over every protocol. The message cannot be decoded, so any
// other error shows that the door decided before the body was read, and no call has an effect on the next.
func TestAccessMatrix(t *testing.T) {
	garbage := map[string][]byte{"json": []byte(`{"`), "proto": {0xff}}
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		t.Parallel()
		callers := kinds(t, a)
		before := len(a.Entries(t, "access_denied"))
		denials := 0
		for _, m := range methods(t) {
			for _, p := range []protocol{connectJSON, connectProto, grpcProto, grpcWebProto} {
				for _, k := range callers {
					_, _, err := p.call(t.Context(), a, m, k.header, garbage[p.codec])
					want := k.expect(m.rule())
					if got := verdictOf(err); got != want {
						t.Errorf("%s as %s over %s: %q, want %q (%v)", m.FullName(), k.name, p.name, got, want, err)
					}
					wantToldProperly(t, err)
					if connect.CodeOf(err) == connect.CodePermissionDenied {
						denials++
					}
				}
			}
		}
		// Each refusal of an authenticated caller is an entry; those of others are summed up.
		signedIn := 0
		for _, e := range allEntries(t, a, "access_denied") {
			if e.GetActorUserId() != "" {
				signedIn++
			}
		}
		if got := signedIn - before; got != denials {
			t.Errorf("%d entries of refusals, want %d", got, denials)
		}
	})
}

// allEntries pages through the audit trail, newest first.
func allEntries(t *testing.T, a *apptest.App, eventType string) []*paddockv1.AuditEntry {
	t.Helper()
	var all []*paddockv1.AuditEntry
	req := &paddockv1.ListAuditEntriesRequest{EventType: eventType, PageSize: 500}
	for {
		m, err := a.Admin().Audit.ListAuditEntries(t.Context(), req)
		must(t, err)
		all = append(all, m.GetEntries()...)
		if req.PageToken = m.GetNextPageToken(); req.GetPageToken() == "" {
			return all
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
