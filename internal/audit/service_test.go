package audit_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/apptest"
	"github.com/paddock-gate/paddock/internal/audit"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/store"
)

func list(t testing.TB, a *apptest.App, req *paddockv1.ListAuditEntriesRequest) *paddockv1.ListAuditEntriesResponse {
	t.Helper()
	m, err := a.AsGRPC(a.AdminKey).Audit.ListAuditEntries(t.Context(), req)
	if err != nil {
		t.Fatalf("%v: %v", req, err)
	}
	return m
}

// note is what the entries tell in short: each one's type and, if it is no success, its outcome.
func note(entries []*paddockv1.AuditEntry) (notes []string) {
	for _, e := range entries {
		text := e.GetEventType()
		if e.GetOutcome() != "success" {
			text += "/" + e.GetOutcome()
		}
		notes = append(notes, text)
	}
	return notes
}

// TestTypes_EveryOneIsProduced does each act of the contract once and promises one entry for each, in order.
func TestTypes_EveryOneIsProduced(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		ctx, admin := t.Context(), a.Admin()
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		made, err := admin.Users.CreateUser(ctx, &paddockv1.CreateUserRequest{Email: "ada@example.com", Roles: []string{"user"}})
		must(err)
		id := made.GetUser().GetId()
		_, err = admin.Users.SetPassword(ctx, &paddockv1.SetPasswordRequest{UserId: id, Password: "analytical engine"})
		must(err)
		in := a.Login(t, "ada@example.com", "analytical engine")
		session := a.As(in.GetAccessToken())
		_, err = session.Users.ListRoles(ctx, &paddockv1.ListRolesRequest{})
		apptest.WantReason(t, err, apierr.AccessDenied)
		_, err = session.Auth.ChangePassword(ctx, &paddockv1.ChangePasswordRequest{CurrentPassword: "analytical engine", NewPassword: "difference engine"})
		must(err)
		key, err := session.Credentials.IssueApiKey(ctx, &paddockv1.IssueApiKeyRequest{Label: "k"})
		must(err)
		rotated, err := session.Credentials.RotateCredential(ctx, &paddockv1.RotateCredentialRequest{Id: key.GetCredential().GetId()})
		must(err)
		_, err = session.Credentials.RevokeCredential(ctx, &paddockv1.RevokeCredentialRequest{Id: rotated.GetCredential().GetId()})
		must(err)
		next, err := a.As("").Auth.Refresh(ctx, &paddockv1.RefreshRequest{RefreshToken: in.GetRefreshToken()})
		must(err)
		_, err = a.As("").Auth.Refresh(ctx, &paddockv1.RefreshRequest{RefreshToken: next.GetRefreshToken()})
		must(err)
		_, err = a.As("").Auth.Refresh(ctx, &paddockv1.RefreshRequest{RefreshToken: in.GetRefreshToken()})
		apptest.WantReason(t, err, apierr.Unauthenticated)

		session = a.As(a.Login(t, "ada@example.com", "difference engine").GetAccessToken())
		sessions, err := session.Auth.ListSessions(ctx, &paddockv1.ListSessionsRequest{})
		must(err)
		_, err = session.Auth.RevokeSession(ctx, &paddockv1.RevokeSessionRequest{Id: sessions.GetSessions()[0].GetId()})
		must(err)
		_, err = a.As(a.Login(t, "ada@example.com", "difference engine").GetAccessToken()).Auth.Logout(ctx, &paddockv1.LogoutRequest{})
		must(err)
		roles, err := structpb.NewList([]any{"user", "admin"})
		must(err)
		_, err = admin.Users.UpdateUser(ctx, &paddockv1.UpdateUserRequest{Id: id, Roles: roles})
		must(err)
		_, err = admin.Users.UpdateUser(ctx, &paddockv1.UpdateUserRequest{Id: id, DisplayName: new("Ada")})
		must(err)
		_, err = admin.Usage.SetQuota(ctx, &paddockv1.SetQuotaRequest{UserId: id})
		must(err)
		_, err = admin.Users.SetRoleModels(ctx, &paddockv1.SetRoleModelsRequest{Name: "user"})
		must(err)
		_, err = admin.Users.DeleteUser(ctx, &paddockv1.DeleteUserRequest{Id: id})
		must(err)
		for range 6 {
			_, _ = a.As("").Auth.Login(ctx, &paddockv1.LoginRequest{Email: "ada@example.com", Password: "x"})
		}

		entries := list(t, a, &paddockv1.ListAuditEntriesRequest{}).GetEntries()
		slices.Reverse(entries)
		want := strings.Fields(`bootstrap user_created password_set login_success access_denied/denied password_changed
			api_key_issued api_key_rotated api_key_revoked refresh_reuse_detected/denied
			login_success session_revoked login_success logout roles_changed user_updated quota_changed models_changed user_deleted
			login_failure/failure login_failure/failure login_failure/failure login_failure/failure login_failure/failure
			login_throttled/denied`)
		if got := note(entries); !slices.Equal(got, want) {
			t.Errorf("the trail is %v,\nwant %v", got, want)
		}
		for _, e := range audit.Types {
			produced := slices.ContainsFunc(entries, func(entry *paddockv1.AuditEntry) bool { return entry.GetEventType() == string(e) })
			if !produced {
				t.Errorf("%s: produced %t", e, produced)
			}
		}
		for _, e := range entries[1:] {
			if e.GetIp() != "127.0.0.1" || e.GetUserAgent() == "" || e.GetRequestId() == "" || e.GetOccurredAt() == nil {
				t.Errorf("%s does not tell from where: %v", e.GetEventType(), e)
			}
			anonymous := strings.HasPrefix(e.GetEventType(), "login_") && e.GetEventType() != "login_success" || e.GetEventType() == "refresh_reuse_detected"
			if (e.GetActorUserId() == "") != anonymous {
				t.Errorf("%s does not tell who: %v", e.GetEventType(), e)
			}
		}
	})
}

// TestListAuditEntries_PagesOfOneUser: what a user does to themselves is listed once, and hides nothing that is older.
func TestListAuditEntries_PagesOfOneUser(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		p := a.NewPerson(t, "user")
		for range 5 {
			if _, err := a.As(p.Key).Credentials.IssueApiKey(t.Context(), &paddockv1.IssueApiKeyRequest{Label: "x"}); err != nil {
				t.Fatal(err)
			}
		}
		all, err := a.Admin().Audit.ListAuditEntries(t.Context(), &paddockv1.ListAuditEntriesRequest{UserId: p.GetId(), PageSize: 500})
		if err != nil || len(all.GetEntries()) < 8 {
			t.Fatalf("%d entries, %v", len(all.GetEntries()), err)
		}
		for _, size := range []int32{1, 2, 3, 7} {
			req := &paddockv1.ListAuditEntriesRequest{UserId: p.GetId(), PageSize: size}
			var ids []string
			for {
				m, err := a.Admin().Audit.ListAuditEntries(t.Context(), req)
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range m.GetEntries() {
					ids = append(ids, e.GetId())
				}
				if req.PageToken = m.GetNextPageToken(); req.PageToken == "" {
					break
				}
			}
			var want []string
			for _, e := range all.GetEntries() {
				want = append(want, e.GetId())
			}
			if !slices.Equal(ids, want) {
				t.Errorf("in pages of %d: %d entries, want the same %d", size, len(ids), len(want))
			}
		}
	})
}

func TestListAuditEntries_Filters(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		p := a.NewPerson(t, "user") // user_created, login_success, api_key_issued
		other := a.NewPerson(t)
		if _, err := a.As(p.Key).Users.ListRoles(t.Context(), &paddockv1.ListRolesRequest{}); apptest.Reason(err) != apierr.AccessDenied {
			t.Fatal(err)
		}
		all := list(t, a, &paddockv1.ListAuditEntriesRequest{}).GetEntries()
		at := func(i int) *timestamppb.Timestamp { return all[i].GetOccurredAt() }
		mine, of := []string{"access_denied/denied", "api_key_issued", "login_success", "user_created"}, note(all)
		for _, c := range []struct {
			req  *paddockv1.ListAuditEntriesRequest
			want []string
		}{
			{&paddockv1.ListAuditEntriesRequest{EventType: "user_created"}, []string{"user_created", "user_created"}},
			{&paddockv1.ListAuditEntriesRequest{EventType: " LOGIN"}, []string{"login_success", "login_success"}},
			{&paddockv1.ListAuditEntriesRequest{EventType: "_"}, of[:len(of)-1]},
			{&paddockv1.ListAuditEntriesRequest{EventType: "%"}, nil},
			{&paddockv1.ListAuditEntriesRequest{EventType: "no such type"}, nil},
			{&paddockv1.ListAuditEntriesRequest{Outcome: "denied"}, mine[:1]},
			{&paddockv1.ListAuditEntriesRequest{Outcome: "failure"}, nil},
			{&paddockv1.ListAuditEntriesRequest{UserId: p.GetId()}, mine},
			{&paddockv1.ListAuditEntriesRequest{UserId: strings.ToUpper(p.GetId()), EventType: "key"}, mine[1:2]},
			{&paddockv1.ListAuditEntriesRequest{UserId: other.GetId(), Outcome: "denied"}, nil},
			{&paddockv1.ListAuditEntriesRequest{OccurredAfter: at(2)}, of[:3]},
			{&paddockv1.ListAuditEntriesRequest{OccurredBefore: at(2)}, of[3:]},
			{&paddockv1.ListAuditEntriesRequest{OccurredAfter: at(4), OccurredBefore: at(2)}, of[3:5]},
			{&paddockv1.ListAuditEntriesRequest{OccurredAfter: at(2), OccurredBefore: at(2)}, nil},
			{&paddockv1.ListAuditEntriesRequest{OccurredAfter: timestamppb.New(at(0).AsTime().Add(time.Microsecond))}, nil},
		} {
			if got := note(list(t, a, c.req).GetEntries()); !slices.Equal(got, c.want) {
				t.Errorf("%v: %v, want %v", c.req, got, c.want)
			}
		}
	})
}

func TestListAuditEntries_PagingWhileEntriesAreAdded(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		var want []string
		for i := range 20 {
			_, _ = a.As("").Auth.Login(t.Context(), &paddockv1.LoginRequest{Email: fmt.Sprintf("u%02d@example.com", i), Password: "x"})
			want = append(want, fmt.Sprintf("u%02d@example.com", 19-i))
		}
		for _, size := range []int32{1, 3, 20, 500} {
			req := &paddockv1.ListAuditEntriesRequest{PageSize: size, EventType: "login_failure"}
			var got []string
			for {
				m := list(t, a, req)
				for _, e := range m.GetEntries() {
					got = append(got, e.GetActorEmail())
				}
				if req.PageToken = m.GetNextPageToken(); req.PageToken == "" {
					break
				}
				a.Login(t, apptest.AdminEmail, apptest.AdminPassword)
			}
			if !slices.Equal(got, want) {
				t.Errorf("by %d: %v", size, got)
			}
		}
		token := list(t, a, &paddockv1.ListAuditEntriesRequest{PageSize: 1}).GetNextPageToken()
		for _, req := range []*paddockv1.ListAuditEntriesRequest{
			{PageToken: token, EventType: "login"},
			{PageToken: token, OccurredAfter: timestamppb.Now()},
			{PageToken: token, Outcome: "denied"},
			{PageToken: "x"},
			{PageSize: 501},
			{PageSize: -1},
			{Outcome: "good"},
			{UserId: "me"},
		} {
			_, err := a.Admin().Audit.ListAuditEntries(t.Context(), req)
			apptest.WantReason(t, err, apierr.InvalidArgument)
		}
	})
}

// TestListAuditEntries_ExtremeTimes promises the same answer on both databases for the first and the last times that a timestamp can
// tell, and a refusal of what is beyond, which only the binary encoding can say.
func TestListAuditEntries_ExtremeTimes(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		stamp := func(year int) *timestamppb.Timestamp {
			return timestamppb.New(time.Date(year, 12, 31, 23, 59, 59, 999_999_999, time.UTC))
		}
		for _, year := range []int{1, 999, 1969, 2000} {
			if n := len(list(t, a, &paddockv1.ListAuditEntriesRequest{OccurredAfter: stamp(year)}).GetEntries()); n != 1 {
				t.Errorf("since the year %d there are %d entries", year, n)
			}
			if n := len(list(t, a, &paddockv1.ListAuditEntriesRequest{OccurredBefore: stamp(year)}).GetEntries()); n != 0 {
				t.Errorf("before the year %d there are %d entries", year, n)
			}
		}
		for _, year := range []int{2500, 9999} {
			if n := len(list(t, a, &paddockv1.ListAuditEntriesRequest{OccurredBefore: stamp(year)}).GetEntries()); n != 1 {
				t.Errorf("before the year %d there are %d entries", year, n)
			}
			if n := len(list(t, a, &paddockv1.ListAuditEntriesRequest{OccurredAfter: stamp(year)}).GetEntries()); n != 0 {
				t.Errorf("since the year %d there are %d entries", year, n)
			}
		}
		for _, bad := range []*timestamppb.Timestamp{
			stamp(10000), stamp(0), {Seconds: math.MaxInt64}, {Seconds: math.MinInt64}, {Nanos: -1}, {Nanos: 1_000_000_000}, {Seconds: 1 << 40, Nanos: math.MaxInt32},
		} {
			for _, req := range []*paddockv1.ListAuditEntriesRequest{{OccurredAfter: bad}, {OccurredBefore: bad}} {
				_, err := a.AsGRPC(a.AdminKey).Audit.ListAuditEntries(t.Context(), req)
				if apptest.Reason(err) != apierr.InvalidArgument {
					t.Errorf("%v: %v", req, err)
				}
			}
		}
	})
}

// TestRefuse_EntryForEachDenial promises that a refusal of somebody who is known is never only counted.
func TestRefuse_EntryForEachDenial(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		p := a.NewPerson(t)
		for range 3 {
			_, err := a.As(p.Key).Users.ListUsers(t.Context(), &paddockv1.ListUsersRequest{})
			apptest.WantReason(t, err, apierr.AccessDenied)
			_, err = a.As("").Users.ListUsers(t.Context(), &paddockv1.ListUsersRequest{})
			apptest.WantReason(t, err, apierr.Unauthenticated)
		}
		var known, strangers int
		for _, e := range a.Entries(t, "access_denied") {
			if e.GetActorUserId() == p.GetId() && e.GetCredentialId() == p.KeyID {
				known++
			} else {
				strangers++
			}
		}
		if known != 3 || strangers != 1 {
			t.Errorf("%d entries of 3 refusals of somebody, %d of 3 of nobody", known, strangers)
		}
	})
}

// TestListAuditEntries_SealOfSecondRow: the page shows the trail's own seal, whatever somebody has put beside it, and a fault also when
// the seal's head is lost.
func TestListAuditEntries_SealOfSecondRow(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		insert := func(id string, size int64, fault string) {
			t.Helper()
			now := store.Now()
			err := audit.Open(a.Store).Unaudited(t.Context(), "an attack", func(ctx context.Context, tx *db.Tx) error {
				return store.Send(ctx, tx, `INSERT INTO seals (id, size, checkpoint, sealed_at, holder, held_until, verified_size, fault)
					VALUES ($1, $2, '', $3, $4, $5, 0, $6) ON CONFLICT (id) DO UPDATE SET size = excluded.size, fault = excluded.fault`,
					id, size, now, uuid.Nil, now.Add(time.Hour), fault)
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		insert("audit", 0, "head lost")
		insert("other", 5, "")
		insert("another", 6, "")
		if s := list(t, a, &paddockv1.ListAuditEntriesRequest{}).GetSeal(); s.GetFault() != "head lost" {
			t.Errorf("got %v", s)
		}
	})
}
