package auth_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"connectrpc.com/connect"

	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/secret"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

const (
	whoAmIPath = "/paddock.v1.AuthService/WhoAmI"
	tagsPath   = "/api/tags"
)

// theirToken is a JWT that another service has signed.
const theirToken = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"

// reasonText is what each path's answers say for a reason.
var reasonText = map[string]map[apierr.Reason]string{
	whoAmIPath: {apierr.Unauthenticated: "UNAUTHENTICATED", apierr.AmbiguousCredentials: "AMBIGUOUS_CREDENTIALS"},
	tagsPath:   {apierr.Unauthenticated: "is needed", apierr.AmbiguousCredentials: "two different credentials"},
}

// call calls WhoAmI or lists the models for an Ollama client, with headers given as names and values in turn.
func call(t testing.TB, a *apptest.App, path string, header ...string) answer {
	t.Helper()
	method := http.MethodGet
	if path == whoAmIPath {
		method = http.MethodPost
	}
	return send(t, method, a.URL+path, struct{}{}, header...)
}

// unknownKey is a key as Paddock could have issued it.
var unknownKey = secret.NewKey().String()

func basic(userAndPassword string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(userAndPassword))
}

// TestIdentify_OneCredentialInAnyHeader: what could be ours counts once, and nothing else counts.
func TestIdentify_OneCredentialInAnyHeader(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		p, other := a.NewPerson(t, "user"), a.NewPerson(t, "user")
		ok, no, two := apierr.Reason(""), apierr.Unauthenticated, apierr.AmbiguousCredentials
		for _, c := range []struct {
			header []string
			want   apierr.Reason
		}{
			{[]string{"Authorization", "Bearer " + p.Token}, ok},
			{[]string{"Authorization", "Bearer " + p.Key}, ok},
			{[]string{"Authorization", "bEARER   " + p.Key}, ok},
			{[]string{"X-API-Key", p.Key}, ok},
			{[]string{"X-API-Key", p.Key, "Authorization", "Bearer " + p.Key}, ok},
			{[]string{"X-API-Key", p.Key, "X-API-Key", p.Key}, ok},
			{[]string{"Authorization", "Bearer " + p.Key, "Authorization", "Bearer " + p.Key}, ok},
			{[]string{"X-API-Key", p.Token, "Authorization", "Bearer " + p.Token}, ok},

			{[]string{"X-API-Key", "", "Authorization", "Bearer " + p.Key}, ok},
			{[]string{"X-API-Key", "sk-ant-api03-x", "Authorization", "Bearer " + p.Key}, ok},
			{[]string{"X-API-Key", "no key", "Authorization", "Bearer " + p.Token}, ok},
			{[]string{"X-API-Key", p.Key, "Authorization", "Bearer ollama"}, ok},
			{[]string{"X-API-Key", p.Key, "Authorization", "Bearer"}, ok},
			{[]string{"X-API-Key", p.Key, "Authorization", "Bearer "}, ok},
			{[]string{"X-API-Key", p.Key, "Authorization", "Bearer " + theirToken}, ok},
			{[]string{"X-API-Key", p.Key, "Authorization", "Negotiate x"}, ok},
			{[]string{"X-API-Key", p.Key, "Authorization", "Basic x"}, ok},
			{[]string{"X-API-Key", p.Key, "Authorization", basic("ann:secret")}, ok},
			{[]string{"X-API-Key", p.Key, "X-API-Key", "ollama"}, ok},
			{[]string{"Authorization", basic("ann:secret"), "Authorization", "Bearer " + p.Token}, ok},
			{[]string{"Authorization", "Bearer sk-x", "Authorization", "Bearer " + p.Key}, ok},

			{[]string{"X-API-Key", other.Key, "Authorization", "Bearer " + p.Key}, two},
			{[]string{"X-API-Key", p.Key, "Authorization", "Bearer " + p.Token}, two},
			{[]string{"X-API-Key", p.Token, "Authorization", "Bearer " + p.Key}, two},
			{[]string{"X-API-Key", p.Key, "X-API-Key", other.Key}, two},
			{[]string{"X-API-Key", p.Key, "X-API-Key", "ollama", "X-API-Key", unknownKey}, two},
			{[]string{"X-API-Key", p.Key, "X-API-Key", p.Key + "x"}, two},
			{[]string{"Authorization", "Bearer " + p.Token, "Authorization", "Bearer " + other.Token}, two},
			{[]string{"Authorization", basic("x:" + other.Key), "X-API-Key", p.Key}, two},
			{[]string{"Authorization", basic(p.Token + ":"), "X-API-Key", p.Key}, two},

			{nil, no},
			{[]string{"Authorization", ""}, no},
			{[]string{"Authorization", "Bearer"}, no},
			{[]string{"Authorization", "Bearer "}, no},
			{[]string{"Authorization", p.Token}, no},
			{[]string{"Authorization", p.Key}, no},
			{[]string{"Authorization", "Basic " + p.Key}, no},
			{[]string{"Authorization", "Bearer," + p.Key}, no},
			{[]string{"Authorization", "Bearer " + p.Key + ", Bearer " + p.Key}, no},
			{[]string{"Authorization", "Bearer " + p.Password}, no},
			{[]string{"Authorization", "Bearer\t" + p.Key}, no},
			{[]string{"Authorization", "Bearer \t" + p.Key}, no},
			{[]string{"Authorization", "Bearer " + theirToken}, no},
			{[]string{"X-API-Key", p.Token}, no},
			{[]string{"X-API-Key", "Bearer " + p.Key}, no},
			{[]string{"X-API-Key", ""}, no},
			{[]string{"X-API-Key", "", "Authorization", "Bearer ollama"}, no},
			{[]string{"X-API-Key", unknownKey}, no},
			{[]string{"X-API-Key", strings.ToLower(p.Key)}, no},
			{[]string{"Cookie", "paddock_refresh=" + p.Token}, no},
		} {
			for _, path := range []string{whoAmIPath, tagsPath} {
				got := call(t, a, path, c.header...)
				if accepted := got.status == http.StatusOK; accepted != (c.want == ok) || !strings.Contains(got.body, reasonText[path][c.want]) {
					t.Errorf("%s %q: %v, want %q", path, c.header, got, c.want)
				}
			}
		}
	})
}

// TestIdentify_HTTPBasicOnGatewayOnly: for clients that have no place for a key but their server's address.
func TestIdentify_HTTPBasicOnGatewayOnly(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		p, other := a.NewPerson(t, "user"), a.NewPerson(t, "user")
		for _, c := range []struct {
			header []string
			want   int
		}{
			{[]string{"Authorization", basic("any:" + p.Key)}, http.StatusOK},
			{[]string{"Authorization", basic(":" + p.Key)}, http.StatusOK},
			{[]string{"Authorization", basic(p.Key + ":")}, http.StatusOK},
			{[]string{"Authorization", basic(p.Key)}, http.StatusOK},
			{[]string{"Authorization", basic(p.Key + ":" + p.Key)}, http.StatusOK},
			{[]string{"Authorization", "bAsIc  " + basic("any:" + p.Key)[len("Basic "):]}, http.StatusOK},
			{[]string{"Authorization", basic("any:" + p.Key), "X-API-Key", p.Key}, http.StatusOK},
			{[]string{"Authorization", basic("any:" + p.Key), "X-API-Key", "ollama"}, http.StatusOK},
			{[]string{"Authorization", basic("any:" + p.Key), "Authorization", "Bearer ollama"}, http.StatusOK},

			{[]string{"Authorization", basic(p.Key + ":" + other.Key)}, http.StatusBadRequest},
			{[]string{"Authorization", basic("any:" + p.Key), "X-API-Key", other.Key}, http.StatusBadRequest},
			{[]string{"Authorization", basic("any:" + p.Key), "Authorization", "Bearer " + p.Token}, http.StatusBadRequest},

			{[]string{"Authorization", basic(p.Key + ":any")}, http.StatusUnauthorized},
			{[]string{"Authorization", basic("any:" + p.Token)}, http.StatusUnauthorized},
			{[]string{"Authorization", basic(p.Token + ":")}, http.StatusUnauthorized},
			{[]string{"Authorization", basic(p.GetEmail() + ":" + p.Password)}, http.StatusUnauthorized},
			{[]string{"Authorization", basic("any: " + p.Key)}, http.StatusUnauthorized},
			{[]string{"Authorization", "Basic any:" + p.Key}, http.StatusUnauthorized},
			{[]string{"Authorization", "Basic"}, http.StatusUnauthorized},
			{[]string{"Authorization", basic(":")}, http.StatusUnauthorized},
			{[]string{"Proxy-Authorization", basic("any:" + p.Key)}, http.StatusUnauthorized},
		} {
			if got := call(t, a, tagsPath, c.header...); got.status != c.want {
				t.Errorf("%q: %v, want %d", c.header, got, c.want)
			}
		}
		for _, credential := range []string{"any:" + p.Key, p.Key + ":", "any:" + p.Token} {
			if got := call(t, a, whoAmIPath, "Authorization", basic(credential)); got.status != http.StatusUnauthorized {
				t.Errorf("RPC with %q: %v", credential, got)
			}
		}
		// Beside a header that is accepted, the same key is the same credential.
		if got := call(t, a, whoAmIPath, "Authorization", basic("any:"+p.Key), "X-API-Key", p.Key); got.status != http.StatusOK {
			t.Errorf("RPC with the key in both: %v", got)
		}
	})
}

func TestIdentify_KeyOnEveryProtocol(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		p := a.NewPerson(t)
		for _, credential := range []string{p.Token, p.Key} {
			for name, clients := range map[string]*apptest.Clients{
				"Connect, JSON":   a.As(credential),
				"Connect, by GET": a.As(credential, connect.WithHTTPGet()),
				"gRPC":            a.AsGRPC(credential),
				"gRPC-Web":        a.AsGRPCWeb(credential),
			} {
				if m, err := clients.Auth.WhoAmI(t.Context(), &paddockv1.WhoAmIRequest{}); err != nil || m.GetUser().GetId() != p.GetId() {
					t.Errorf("%s: %v, %v", name, m, err)
				}
			}
		}
		if err := whoAmI(t, a, ""); apptest.Reason(err) != apierr.Unauthenticated {
			t.Errorf("nobody: %v", err)
		}
		key := apptest.WithHeader("X-Api-Key", p.Key)
		for name, clients := range map[string]*apptest.Clients{
			"Connect, JSON":   a.As("", key),
			"Connect, by GET": a.As("", key, connect.WithHTTPGet()),
			"gRPC":            a.AsGRPC("", key),
			"gRPC-Web":        a.AsGRPCWeb("", key),
		} {
			if m, err := clients.Auth.WhoAmI(t.Context(), &paddockv1.WhoAmIRequest{}); err != nil || m.GetUser().GetId() != p.GetId() {
				t.Errorf("X-API-Key over %s: %v, %v", name, m, err)
			}
		}
	})
}

func TestIdentify_TokenOfAnotherUsersSession(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		p, other := a.NewPerson(t), a.NewPerson(t)
		a.Exec(t, `UPDATE sessions SET user_id = $1 WHERE user_id = $2`, other.GetId(), p.GetId())
		apptest.WantReason(t, whoAmI(t, a, p.Token), apierr.Unauthenticated)
		if err := whoAmI(t, a, other.Token); err != nil {
			t.Error(err)
		}
	})
}

// TestIdentify_RefusedFromTheNextCall promises that what is taken away is gone with the next call, at every replica.
func TestIdentify_RefusedFromTheNextCall(t *testing.T) {
	url := storetest.PostgreSQL(t)
	a := apptest.Start(t, url, nil)
	b := a.Replica(t)
	admin := a.Admin()
	inactive := false
	for name, take := range map[string]func(p *apptest.Person) error{
		"disabled": func(p *apptest.Person) error {
			_, err := admin.Users.UpdateUser(t.Context(), &paddockv1.UpdateUserRequest{Id: p.GetId(), Active: &inactive})
			return err
		},
		"deleted": func(p *apptest.Person) error {
			_, err := admin.Users.DeleteUser(t.Context(), &paddockv1.DeleteUserRequest{Id: p.GetId()})
			return err
		},
	} {
		p := a.NewPerson(t, "user")
		for _, credential := range []string{p.Token, p.Key} {
			for _, replica := range []*apptest.App{a, b} {
				if err := whoAmI(t, replica, credential); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := take(p); err != nil {
			t.Fatal(err)
		}
		for _, credential := range []string{p.Token, p.Key} {
			for i, replica := range []*apptest.App{a, b} {
				if err := whoAmI(t, replica, credential); apptest.Reason(err) != apierr.Unauthenticated {
					t.Errorf("%s: replica %d answers %v", name, i, err)
				}
			}
		}
	}
}

// TestIdentify_DatabaseUnavailable promises that what cannot be looked up is never called wrong, and that a key
// which cannot be one of ours is refused without looking.
func TestIdentify_DatabaseUnavailable(t *testing.T) {
	cluster := storetest.NewCluster(t)
	a := apptest.Start(t, cluster.Database(t), nil)
	p := a.NewPerson(t)
	if err := cluster.Stop(); err != nil {
		t.Fatal(err)
	}
	for credential, want := range map[string]apierr.Reason{
		p.Token:                apierr.DatabaseUnavailable,
		p.Key:                  apierr.DatabaseUnavailable,
		unknownKey:             apierr.DatabaseUnavailable,
		changeLast(p.Key):      apierr.Unauthenticated,
		p.Key + "x":            apierr.Unauthenticated,
		"pdk_":                 apierr.Unauthenticated,
		p.Token[:40]:           apierr.Unauthenticated,
		p.Token[:40] + "x.y.z": apierr.Unauthenticated,
	} {
		apptest.WantReason(t, whoAmI(t, a, credential), want)
	}
	for range 6 { // none of them is a failed guess
		apptest.WantReason(t, login(t, a, p.GetEmail(), p.Password), apierr.DatabaseUnavailable)
	}
	if err := cluster.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the database", func() bool { return whoAmI(t, a, p.Key) == nil })
	if err := login(t, a, p.GetEmail(), p.Password); err != nil {
		t.Error(err)
	}
}

// changeLast changes the last character, to another of the same alphabet.
func changeLast(s string) string {
	if strings.HasSuffix(s, "A") {
		return s[:len(s)-1] + "B"
	}
	return s[:len(s)-1] + "A"
}
