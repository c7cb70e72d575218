package email_test

import (
	"strings"
	"testing"

	"github.com/paddock-gate/paddock/internal/email"
)

func TestNormalize(t *testing.T) {
	for in, want := range map[string]string{
		"ada@example.com":                        "ada@example.com",
		" Ada.Lovelace+x@EXAMPLE.com\t":          "ada.lovelace+x@example.com",
		"ada@example.com.":                       "ada@example.com",
		"ada@example.com\u3002":                  "ada@example.com",
		"ada@example.com..":                      "",
		"ada@.":                                  "",
		"ada@.example.com":                       "",
		"ada@bücher.example":                     "ada@xn--bcher-kva.example",
		"ada@BÜCHER.example":                     "ada@xn--bcher-kva.example",
		"ada@localhost":                          "ada@localhost",
		"o'neil@example.com":                     "o'neil@example.com",
		"":                                       "",
		"ada":                                    "",
		"@example.com":                           "",
		"ada@":                                   "",
		"ada@@example.com":                       "",
		"a da@example.com":                       "",
		"ada@exa mple.com":                       "",
		"ad\x00a@example.com":                    "",
		"ada@example.com\x00":                    "",
		"äda@example.com":                        "",
		"\u202eada@example.com":                  "",
		"ada@\x89":                               "",
		".ada@example.com":                       "",
		"ada.@example.com":                       "",
		"a..b@example.com":                       "",
		"ada@-example.com":                       "",
		"ada@exa_mple.com":                       "",
		strings.Repeat("a", 65) + "@a.de":        "",
		"a@" + strings.Repeat("abc.", 70) + "de": "",
	} {
		got, err := email.Normalize(in)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("Normalize(%q) = %q, %v, want %q", in, got, err, want)
		}
	}
}

func FuzzNormalize(f *testing.F) {
	for _, s := range []string{"ada@example.com", "Ada@BÜCHER.example.", "a@b", "@", "a@xn--", "a@\u3002", "a@b.."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		once, err := email.Normalize(in)
		if err != nil {
			return
		}
		if twice, err := email.Normalize(once); err != nil || twice != once {
			t.Errorf("Normalize(%q) = %q, but Normalize of that = %q, %v", in, once, twice, err)
		}
		if len(once) > 254 || strings.ContainsFunc(once, func(r rune) bool { return r <= ' ' || r > '~' }) {
			t.Errorf("Normalize(%q) = %q", in, once)
		}
	})
}
