package secret

import (
	"errors"
	"strings"
	"testing"
)

// tiny keeps the tests quick.
var tiny = Params{MemoryKiB: 8, Time: 1, Parallelism: 1}

// known were made by the reference implementation's command line tool (argon2 -id -e).
var known = []struct{ password, stored string }{
	{"correct horse battery staple", "$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$gy5SuVm5Z7Vw7keB9se9p87QGcomaseB/S2U1OhTsM0"},
	{"pässwörd", "$argon2id$v=19$m=64,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$DlBpgZxpRErxeXpZZ9xCY5/up7OmAZPayOJR6HGl7k4"},
	{"password", "$argon2id$v=19$m=256,t=3,p=4$ZmVkY2JhOTg3NjU0MzIxMA$zhlIouOGUQrfqGCPySlPTLhnXgshrkgljYQfqI4Tvqw"},
}

func TestPHC_ReferenceImplementation(t *testing.T) {
	for _, k := range known {
		h, err := parsePHC(k.stored)
		if err != nil {
			t.Errorf("parsePHC(%q): %v", k.stored, err)
			continue
		}
		if !h.matches(k.password, Params.derive) || h.matches(k.password+"x", Params.derive) {
			t.Errorf("%q does not match its password, and that only", k.stored)
		}
		if got := h.String(); got != k.stored {
			t.Errorf("written back as %q, want %q", got, k.stored)
		}
	}
}

func TestPHC_WellFormed(t *testing.T) {
	for _, params := range []string{"m=8,t=1,p=1", "m=262144,t=16,p=16", "m=128,t=1,p=16"} {
		if _, err := parsePHC(withParams(params)); err != nil {
			t.Errorf("%s: %v", params, err)
		}
	}
}

var malformedPHCs = map[string]string{
	"another algorithm":     strings.Replace(known[0].stored, "argon2id", "argon2i", 1),
	"another version":       strings.Replace(known[0].stored, "v=19", "v=16", 1),
	"no version":            strings.Replace(known[0].stored, "$v=19", "", 1),
	"parameters reordered":  withParams("t=2,m=19456,p=1"),
	"parameter missing":     withParams("m=19456,t=2"),
	"parameter added":       withParams("m=19456,t=2,p=1,data=YQ"),
	"parameter empty":       withParams("m=,t=2,p=1"),
	"leading zero":          withParams("m=019456,t=2,p=1"),
	"sign":                  withParams("m=+19456,t=2,p=1"),
	"hexadecimal":           withParams("m=0x10,t=2,p=1"),
	"no lanes":              withParams("m=19456,t=2,p=0"),
	"no passes":             withParams("m=19456,t=0,p=1"),
	"memory below 8 p":      withParams("m=31,t=1,p=4"),
	"memory above cap":      withParams("m=262145,t=1,p=1"),
	"memory beyond 32 bits": withParams("m=4294967304,t=1,p=1"),
	"passes above cap":      withParams("m=8,t=17,p=1"),
	"lanes above cap":       withParams("m=1024,t=1,p=17"),
	"lanes beyond 8 bits":   withParams("m=8,t=1,p=257"),
	"short salt":            strings.Replace(known[0].stored, "MDEyMzQ1Njc4OWFiY2RlZg", "c29tZXNhbHQ", 1),
	"long salt":             strings.Replace(known[0].stored, "MDEy", "MDEyMDEy", 1),
	"short hash":            known[0].stored[:len(known[0].stored)-4],
	"long hash":             known[0].stored + "AAAA",
	"padding":               known[0].stored + "=",
	"spare bits":            known[0].stored[:len(known[0].stored)-1] + "1",
	"line break in hash":    known[0].stored[:len(known[0].stored)-1] + "\n",
	"line break after":      known[0].stored + "\n",
	"space before":          " " + known[0].stored,
	"further field":         known[0].stored + "$",
	"URL alphabet":          strings.Replace(known[0].stored, "/", "_", 1),
}

func withParams(params string) string {
	return strings.Replace(known[0].stored, "m=19456,t=2,p=1", params, 1)
}

func TestPHC_Malformed(t *testing.T) {
	for name, s := range malformedPHCs {
		if h, err := parsePHC(s); err == nil {
			t.Errorf("%s: %q was read as %v", name, s, h)
		}
	}
	if _, err := parsePHC(""); !errors.Is(err, errMalformedPHC) {
		t.Errorf("empty: %v", err)
	}
}

func FuzzParsePHC(f *testing.F) {
	for _, k := range known {
		f.Add(k.stored)
	}
	for _, s := range malformedPHCs {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		h, err := parsePHC(s)
		if err != nil {
			return
		}
		if got := h.String(); got != s {
			t.Errorf("%q was accepted for %q", s, got)
		}
		if err := h.params.Validate(); err != nil {
			t.Errorf("%q: %v", s, err)
		}
	})
}
