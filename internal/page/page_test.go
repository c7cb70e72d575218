package page_test

import (
	"encoding/base64"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"

	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/page"
)

var filters = &paddockv1.ListUsersRequest{Query: "ada", Role: "user", Active: new(true)}

func TestToken_RoundTrip(t *testing.T) {
	for _, want := range []page.Position{
		{},
		{Time: time.Date(2030, 1, 2, 3, 4, 5, 678_901_000, time.UTC), ID: uuid.MustParse("0192b3c4-d5e6-7f80-9192-a3b4c5d6e7f8"), Total: 42},
		{Time: time.Date(9999, 12, 30, 0, 0, 0, 0, time.UTC), ID: uuid.Max, Key: "ada@example.com", Total: math.MaxInt32},
	} {
		if want.Time.IsZero() {
			want.Time = time.Unix(0, 0).UTC()
		}
		token := page.Token(want, filters)
		got, err := page.Parse(token, proto.CloneOf(filters))
		if err != nil || got != want {
			t.Errorf("%v became %v, %v", want, got, err)
		}
		if strings.ContainsAny(token, "+/=&?") {
			t.Errorf("%q does not go into a URL as it is", token)
		}
		for name, other := range map[string]proto.Message{
			"another query": &paddockv1.ListUsersRequest{Query: "bob", Role: "user", Active: new(true)},
			"no filter":     &paddockv1.ListUsersRequest{},
			"another list":  &paddockv1.ListAuditEntriesRequest{},
		} {
			if got, err := page.Parse(token, other); err == nil {
				t.Errorf("%s: taken for %v", name, got)
			}
		}
	}
}

func TestParse_Malformed(t *testing.T) {
	good := page.Token(page.Position{Time: time.Unix(1, 0)}, filters)
	raw, err := base64.RawURLEncoding.DecodeString(good)
	if err != nil {
		t.Fatal(err)
	}
	with := func(first byte) string {
		b := append([]byte{first}, raw[1:]...)
		return base64.RawURLEncoding.EncodeToString(b)
	}
	for name, token := range map[string]string{
		"empty": "", "text": "next", "cut": good[:len(good)-1], "a key with NUL": good + "AAAA", "a key that is no text": good + "____", "padded": good + "=",
		"a time before 1970": with(0xff), "a time beyond 9999": with(0x7f), "a time in the year 100000": with(0x2b),
	} {
		if got, err := page.Parse(token, filters); err == nil {
			t.Errorf("%s: taken for %v", name, got)
		}
	}
}

// FuzzParse checks that a token that Parse accepts is one that Token returns, within the times that both databases can
// store.
func FuzzParse(f *testing.F) {
	f.Add(page.Token(page.Position{Time: time.Unix(1, 0), Total: 7}, filters))
	f.Add(page.Token(page.Position{Time: time.Unix(1, 0), Total: -7}, filters))
	f.Add("")
	f.Add(strings.Repeat("A", 48))
	f.Fuzz(func(t *testing.T, token string) {
		at, err := page.Parse(token, filters)
		if err != nil {
			return
		}
		if at.Time.Year() < 1970 || at.Time.Year() > 9999 || at.Total < 0 {
			t.Errorf("%q is of the year %d, one of %d", token, at.Time.Year(), at.Total)
		}
		if again, err := page.Parse(page.Token(at, filters), filters); err != nil || again != at {
			t.Errorf("%v became %v, %v", at, again, err)
		}
	})
}
