package caller_test

import (
	"net/netip"
	"testing"

	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/internal/caller"
)

var ada, bob = uuid.MustParse("0192b3c4-d5e6-7f80-9192-a3b4c5d6e7f8"), uuid.MustParse("0192b3c4-d5e6-7f80-9192-a3b4c5d6e7f9")

func TestNetwork(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.7":            "192.0.2.7",
		"2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64",
		"2001:db8:1:2:ffff::":  "2001:db8:1:2::/64",
		"fe80::1%eth0":         "fe80::/64",
		"::1":                  "::/64",
	} {
		c := caller.Caller{IP: netip.MustParseAddr(address)}
		if got := c.Network(); got != want {
			t.Errorf("%s is in %s, want %s", address, got, want)
		}
		if c.Address() != address {
			t.Errorf("%s is told as %s", address, c.Address())
		}
	}
	if stranger := new(caller.Caller); stranger.Network() != "" || stranger.Address() != "" {
		t.Errorf("nowhere is %q, %q", stranger.Network(), stranger.Address())
	}
}

func TestSubject(t *testing.T) {
	for name, c := range map[string]struct {
		caller caller.Caller
		named  string
		want   uuid.UUID // uuid.Nil: no user
	}{
		"a member, for nobody named":         {caller.Caller{UserID: ada}, "", ada},
		"a member, for themself":             {caller.Caller{UserID: ada}, ada.String(), ada},
		"a member, for another":              {caller.Caller{UserID: ada, Roles: []string{caller.User}}, bob.String(), uuid.Nil},
		"an admin, for another":              {caller.Caller{UserID: ada, Roles: []string{caller.Admin}}, bob.String(), bob},
		"an admin, for what is no id":        {caller.Caller{UserID: ada, Roles: []string{caller.Admin}}, "bob", uuid.Nil},
		"a stranger":                         {caller.Caller{}, bob.String(), uuid.Nil},
		"a stranger, for the nil user":       {caller.Caller{}, uuid.Nil.String(), uuid.Nil},
		"a stranger with a role, by mistake": {caller.Caller{Roles: []string{caller.Admin}}, bob.String(), uuid.Nil},
	} {
		got, err := c.caller.Subject(c.named)
		if got != c.want || (err == nil) != (c.want != uuid.Nil) {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
}

func TestFrom_NoCaller(t *testing.T) {
	if c := caller.From(t.Context()); c.SignedIn() || c.Has("") {
		t.Errorf("%+v", c)
	}
	want := &caller.Caller{UserID: ada}
	if got := caller.From(caller.With(t.Context(), want)); got != want || !got.SignedIn() {
		t.Errorf("%+v", got)
	}
}
