package idempotency

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
)

// FuzzDigest checks that no two callers, methods and keys share an id, and that two requests share a digest if and only if they
// differ in nothing but what is secret.
func FuzzDigest(f *testing.F) {
	f.Add("u", "/s/m", "key", "u", "/s/m", "key")
	f.Add("u", "/s/mk", "ey", "u", "/s/m", "key")
	f.Add("", "a", "b\x00", "", "a", "b")
	f.Fuzz(func(t *testing.T, user, method, key, otherUser, otherMethod, otherKey string) {
		if strings.Contains(user+method+otherUser+otherMethod, "\x00") {
			return // neither an id nor a name of ours holds one
		}
		same := user == otherUser && method == otherMethod && key == otherKey
		if got := digest(user, method, key) == digest(otherUser, otherMethod, otherKey); got != same {
			t.Errorf("%q and %q: %t", []string{user, method, key}, []string{otherUser, otherMethod, otherKey}, got)
		}
		if slices.ContainsFunc([]string{user, method, key, otherUser, otherMethod, otherKey}, func(s string) bool { return !utf8.ValidString(s) }) {
			return // no message holds it
		}
		of := func(email, name, password string) string {
			sum, err := digestOf(&paddockv1.CreateUserRequest{Email: email, DisplayName: name, Password: password})
			if err != nil {
				t.Fatal(err)
			}
			return sum
		}
		if got := of(user, method, key) == of(otherUser, otherMethod, otherKey); got != (user == otherUser && method == otherMethod) {
			t.Errorf("requests %q, %q and %q, %q: %t", user, method, otherUser, otherMethod, got)
		}
	})
}

// TestDigestOf_LeavesTheRequest checks that a request still has its password when its digest has been taken.
func TestDigestOf_LeavesTheRequest(t *testing.T) {
	request := &paddockv1.CreateUserRequest{Email: "a@example.com", Password: "correct horse battery"}
	before := proto.Clone(request)
	if _, err := digestOf(request); err != nil || !proto.Equal(before, request) {
		t.Errorf("%v became %v, %v", before, request, err)
	}
}
