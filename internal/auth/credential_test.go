package auth

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/auth/tokens"
	"github.com/paddock-gate/paddock/internal/secret"
)

// FuzzCredentialIn promises that whatever a request carries, what comes out was in it, and could be ours.
func FuzzCredentialIn(f *testing.F) {
	access, err := tokens.NewAccess("HS256", time.Minute, [][]byte{[]byte("9f1c2ab07d3e48c5a6b1d0e7f8c3b2a4")})
	if err != nil {
		f.Fatal(err)
	}
	a := &Service{access: access}
	key := "pdk_0123456789AB_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg25SXM0"
	for _, s := range []string{"Bearer " + key, "Basic " + base64.StdEncoding.EncodeToString([]byte("x:"+key)), "Basic =", "Basic", " ", ""} {
		f.Add(s, key, true)
		f.Add(s, "", false)
	}
	f.Fuzz(func(t *testing.T, authorization, apiKey string, basic bool) {
		got, err := a.credentialIn(http.Header{"Authorization": {authorization}, "X-Api-Key": {apiKey}}, basic)
		if err != nil {
			return
		}
		if !secret.LooksLikeKey(got) && !a.access.Claims(got) {
			t.Errorf("%q is none of ours", got)
		}
		_, encoded, _ := strings.Cut(authorization, " ")
		decoded, _ := base64.StdEncoding.DecodeString(strings.TrimLeft(encoded, " "))
		if got != apiKey && !strings.HasSuffix(authorization, got) && (!basic || !strings.Contains(string(decoded), got)) {
			t.Errorf("%q does not come from %q and %q", got, authorization, apiKey)
		}
	})
}
