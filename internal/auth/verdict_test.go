package auth_test

import (
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/store"
)

// ways are all headers in which the same API key can be sent to the gateway.
var ways = map[string]func(key string) []string{
	"Bearer": func(key string) []string { return []string{"Authorization", "Bearer " + key} },
	"Bearer twice": func(key string) []string {
		return []string{"Authorization", "Bearer " + key, "Authorization", "Bearer " + key}
	},
	"X-API-Key":            func(key string) []string { return []string{"X-API-Key", key} },
	"both":                 func(key string) []string { return []string{"Authorization", "Bearer " + key, "X-API-Key", key} },
	"Basic password":       func(key string) []string { return []string{"Authorization", basic("any:" + key)} },
	"Basic user":           func(key string) []string { return []string{"Authorization", basic(key + ":")} },
	"Basic without colon":  func(key string) []string { return []string{"Authorization", basic(key)} },
	"Basic and X-API-Key":  func(key string) []string { return []string{"Authorization", basic("any:" + key), "X-API-Key", key} },
	"Bearer, placeholder":  func(key string) []string { return []string{"Authorization", "Bearer " + key, "X-API-Key", "ollama"} },
	"X-API-Key, leftover":  func(key string) []string { return []string{"X-API-Key", key, "Authorization", "Bearer sk-left-over"} },
	"X-API-Key, no Bearer": func(key string) []string { return []string{"X-API-Key", key, "Authorization", "Bearer "} },
}

// TestIdentify_SameVerdictInEveryHeader: good, revoked, expired, of a disabled user, mistyped, unknown or foreign.
func TestIdentify_SameVerdictInEveryHeader(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		admin, inactive := a.Admin(), false
		good, revoked, expired, disabled := a.NewPerson(t, "user"), a.NewPerson(t, "user"), a.NewPerson(t, "user"), a.NewPerson(t, "user")
		if _, err := admin.Credentials.RevokeCredential(t.Context(), &paddockv1.RevokeCredentialRequest{Id: revoked.KeyID}); err != nil {
			t.Fatal(err)
		}
		if a.Exec(t, `UPDATE credentials SET expires_at = $1 WHERE user_id = $2`, store.Now().Add(-time.Second), expired.GetId()) != 1 {
			t.Fatal("no key has expired")
		}
		if _, err := admin.Users.UpdateUser(t.Context(), &paddockv1.UpdateUserRequest{Id: disabled.GetId(), Active: &inactive}); err != nil {
			t.Fatal(err)
		}
		for name, key := range map[string]string{
			"good": good.Key, "revoked": revoked.Key, "expired": expired.Key, "disabled": disabled.Key,
			"mistyped": changeLast(good.Key), "unknown": unknownKey, "foreign": "sk-ant-api03-x", "of another service": theirToken,
			"prefix": "pdk_", "empty": "",
		} {
			want := http.StatusUnauthorized
			if name == "good" {
				want = http.StatusOK
			}
			body := ""
			for _, way := range slices.Sorted(maps.Keys(ways)) {
				got := call(t, a, tagsPath, ways[way](key)...)
				if body == "" {
					body = got.body
				}
				if got.status != want || got.body != body {
					t.Errorf("%s, %s: %v, want %d and %s", name, way, got, want, body)
				}
			}
		}
	})
}

// TestIdentify_Challenge: by HTTP Basic, unless that has a browser ask the person before it.
func TestIdentify_Challenge(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		both, bearer := []string{`Basic realm="Paddock", charset="UTF-8"`, "Bearer"}, []string{"Bearer"}
		for _, c := range []struct {
			path   string
			header []string
			want   []string
		}{
			{tagsPath, nil, both},
			{tagsPath, []string{"User-Agent", "ollama/0.17.4"}, both},
			{tagsPath, []string{"User-Agent", "", "Accept", "*/*"}, both},
			{tagsPath, []string{"Accept", "application/json", "Authorization", basic("ann:secret")}, both},
			{tagsPath, []string{"X-API-Key", unknownKey}, both},
			{tagsPath, []string{"User-Agent", "Mozilla/5.0 (X11; Linux x86_64)"}, bearer},
			{tagsPath, []string{"Origin", "https://app.example.com"}, bearer},
			{tagsPath, []string{"Sec-Fetch-Mode", "navigate"}, bearer},
			{tagsPath, []string{"Accept", "text/html,application/xhtml+xml"}, bearer},
			{whoAmIPath, nil, nil},
		} {
			got := call(t, a, c.path, c.header...)
			if shown := got.header.Values("WWW-Authenticate"); got.status != http.StatusUnauthorized || !slices.Equal(shown, c.want) {
				t.Errorf("%s %q: %d %q, want %q", c.path, c.header, got.status, shown, c.want)
			}
		}
		p := a.NewPerson(t)
		got := call(t, a, tagsPath, "Authorization", "Bearer "+p.Key) // who has no role
		if got.status != http.StatusForbidden || got.header.Get("WWW-Authenticate") != "" {
			t.Errorf("denied: %v", got)
		}
	})
}
