package users_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect"

	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
)

func list(t testing.TB, a *apptest.App, req *paddockv1.ListUsersRequest) *paddockv1.ListUsersResponse {
	t.Helper()
	m, err := a.Admin().Users.ListUsers(t.Context(), req)
	if err != nil {
		t.Fatalf("%v: %v", req, err)
	}
	return m
}

// names are the local parts of the users' emails.
func names(users []*paddockv1.User) []string {
	var all []string
	for _, u := range users {
		local, _, _ := strings.Cut(u.GetEmail(), "@")
		all = append(all, local)
	}
	return all
}

// TestListUsers_PagesAreComplete pages through a list, of whose rows many were made in the same microsecond, while more
// users are made.
func TestListUsers_PagesAreComplete(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		var want []string
		for i := range 25 {
			mustCreate(t, a, &paddockv1.CreateUserRequest{Email: fmt.Sprintf("u%02d@example.com", i)})
			want = append(want, fmt.Sprintf("u%02d", i))
		}
		a.Exec(t, `UPDATE users SET created_at = (SELECT min(created_at) FROM users) WHERE email < 'u20'`)
		for _, size := range []int32{1, 7, 25, 26, 200} {
			req := &paddockv1.ListUsersRequest{PageSize: size, Query: "@EXAMPLE.com", Active: new(true)}
			var got []string
			for page := 0; ; page++ {
				m := list(t, a, req)
				got = append(got, names(m.GetUsers())...)
				if m.GetTotalSize() < 26 || m.GetTotalSize() != list(t, a, req).GetTotalSize() {
					t.Errorf("page %d of %d: %d in all", page, size, m.GetTotalSize())
				}
				if req.PageToken = m.GetNextPageToken(); req.PageToken == "" {
					break
				}
				if len(m.GetUsers()) != int(size) {
					t.Errorf("page %d of %d has %d users", page, size, len(m.GetUsers()))
				}
				mustCreate(t, a, &paddockv1.CreateUserRequest{Email: fmt.Sprintf("new%d-%d@example.com", size, page)})
			}
			got = slices.DeleteFunc(got, func(name string) bool { return name == "admin" || strings.HasPrefix(name, "new") })
			if sorted := slices.Sorted(slices.Values(got)); !slices.Equal(sorted, want) {
				t.Errorf("by %d: %v", size, got)
			}
			if got[0] != "u24" || got[4] != "u20" {
				t.Errorf("by %d: the newest do not come first: %v", size, got)
			}
		}
	})
}

func TestListUsers_Sorted(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		for _, name := range []string{"mia", "ada", "zoe"} {
			mustCreate(t, a, &paddockv1.CreateUserRequest{Email: name + "@example.com"})
		}
		for order, want := range map[string]string{
			"":                "zoe ada mia admin",
			"created_at desc": "zoe ada mia admin",
			"created_at":      "admin mia ada zoe",
			"email":           "ada admin mia zoe",
			"email desc":      "zoe mia admin ada",
		} {
			var got []string
			req := &paddockv1.ListUsersRequest{OrderBy: order, PageSize: 1}
			for range 4 {
				m := list(t, a, req)
				got = append(got, names(m.GetUsers())...)
				req.PageToken = m.GetNextPageToken()
			}
			if strings.Join(got, " ") != want || req.GetPageToken() != "" {
				t.Errorf("by %q: %v, want %q", order, got, want)
			}
		}
		token := list(t, a, &paddockv1.ListUsersRequest{OrderBy: "email", PageSize: 1}).GetNextPageToken()
		for _, req := range []*paddockv1.ListUsersRequest{
			{OrderBy: "password_hash"}, {OrderBy: "email; DROP TABLE users"}, {OrderBy: "email desc", PageToken: token},
		} {
			if _, err := a.Admin().Users.ListUsers(t.Context(), req); connect.CodeOf(err) != connect.CodeInvalidArgument {
				t.Errorf("%v: %v", req, err)
			}
		}
	})
}

func TestListUsers_Filters(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		for _, u := range []*paddockv1.CreateUserRequest{
			{Email: "ada@example.com", DisplayName: "Ada ÄÖÜ Straße", Roles: []string{"user"}},
			{Email: "bob@bücher.example", DisplayName: "100% _bob_ \\o/", ExternalId: "Ext-B"},
			{Email: "eva@example.com", DisplayName: "E\u0301va ΣΟΦΟΣ", Roles: []string{"user", "admin"}},
			{Email: "off@example.com", DisplayName: "Offline", Roles: []string{"user"}},
		} {
			mustCreate(t, a, u)
		}
		off := list(t, a, &paddockv1.ListUsersRequest{Query: "offline"}).GetUsers()[0]
		if _, err := update(t, a, a.AdminKey, &paddockv1.UpdateUserRequest{Id: off.GetId(), Active: new(false)}); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			req  *paddockv1.ListUsersRequest
			want string
		}{
			{&paddockv1.ListUsersRequest{}, "off eva bob ada admin"},
			{&paddockv1.ListUsersRequest{Role: "user"}, "off eva ada"},
			{&paddockv1.ListUsersRequest{Role: "admin"}, "eva admin"},
			{&paddockv1.ListUsersRequest{Active: new(false)}, "off"},
			{&paddockv1.ListUsersRequest{Active: new(true)}, "eva bob ada admin"},
			{&paddockv1.ListUsersRequest{Active: new(true), Role: "user", Query: "ADA"}, "ada"},
			{&paddockv1.ListUsersRequest{Query: "  äöü "}, "ada"},
			{&paddockv1.ListUsersRequest{Query: "ÄÖÜ STRAßE"}, "ada"},
			{&paddockv1.ListUsersRequest{Query: "AOU"}, ""},
			{&paddockv1.ListUsersRequest{Query: "éva"}, "eva"},
			{&paddockv1.ListUsersRequest{Query: "e\u0301VA"}, "eva"},
			{&paddockv1.ListUsersRequest{Query: "σοφο"}, "eva"},
			{&paddockv1.ListUsersRequest{Query: "%"}, "bob"},
			{&paddockv1.ListUsersRequest{Query: "_"}, "bob"},
			{&paddockv1.ListUsersRequest{Query: `\`}, "bob"},
			{&paddockv1.ListUsersRequest{Query: `\o/`}, "bob"},
			{&paddockv1.ListUsersRequest{Query: "a%a"}, ""},
			{&paddockv1.ListUsersRequest{Query: "b_b"}, ""},
			{&paddockv1.ListUsersRequest{Query: "'; --"}, ""},
			{&paddockv1.ListUsersRequest{Query: "ext-b"}, "bob"},
			{&paddockv1.ListUsersRequest{Query: "xn--bcher"}, "bob"},
			{&paddockv1.ListUsersRequest{Query: "example.com"}, "off eva ada admin"},
		} {
			m := list(t, a, c.req)
			if got := strings.Join(names(m.GetUsers()), " "); got != c.want || int(m.GetTotalSize()) != len(m.GetUsers()) {
				t.Errorf("%v: %q, %d in all, want %q", c.req, got, m.GetTotalSize(), c.want)
			}
		}
		// What has been renamed is found by its new name alone.
		if _, err := update(t, a, a.AdminKey, &paddockv1.UpdateUserRequest{Id: off.GetId(), DisplayName: new("Gone ÉTÉ")}); err != nil {
			t.Fatal(err)
		}
		for query, want := range map[string]int{"offline": 0, "été": 1, "off@": 1} {
			if n := len(list(t, a, &paddockv1.ListUsersRequest{Query: query}).GetUsers()); n != want {
				t.Errorf("%q finds %d users, want %d", query, n, want)
			}
		}
	})
}

func TestListUsers_PageTokenOfAnotherList(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		for i := range 3 {
			mustCreate(t, a, &paddockv1.CreateUserRequest{Email: fmt.Sprintf("u%d@example.com", i)})
		}
		token := list(t, a, &paddockv1.ListUsersRequest{PageSize: 1}).GetNextPageToken()
		if token == "" {
			t.Fatal("no token")
		}
		list(t, a, &paddockv1.ListUsersRequest{PageSize: 2, PageToken: token}) // another size is fine
		for _, req := range []*paddockv1.ListUsersRequest{
			{PageToken: token, Query: "u"},
			{PageToken: token, Role: "user"},
			{PageToken: token, Active: new(false)},
			{PageToken: token + "A"},
			{PageToken: token[1:]},
			{PageToken: "x"},
			{PageToken: strings.Repeat("A", 48)},
			{PageToken: strings.Repeat("A", 513)},
			{PageSize: 201},
			{PageSize: -1},
			{Role: "root"},
		} {
			_, err := a.Admin().Users.ListUsers(t.Context(), req)
			apptest.WantReason(t, err, apierr.InvalidArgument)
		}
	})
}
