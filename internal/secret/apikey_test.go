package secret

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
)

// A key that must stay readable for ever, as a second implementation (Python's zlib) wrote it.
const (
	fixed         = "pdk_0123456789AB_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg"
	fixedChecksum = "25SXM0"
)

func TestKey_RoundTrip(t *testing.T) {
	seen := make(map[string]bool)
	for range 1000 {
		k := NewKey()
		s := k.String()
		if seen[k.ID] || seen[k.Secret] {
			t.Fatalf("%s was drawn twice", s)
		}
		seen[k.ID], seen[k.Secret] = true, true
		if got, err := ParseKey(s); err != nil || got != k {
			t.Fatalf("%s read as %v, %v", s, got, err)
		}
		if !LooksLikeKey(s) || !strings.HasPrefix(s, Prefix(k.ID)+"_") {
			t.Fatalf("%s does not begin with %s", s, Prefix(k.ID))
		}
	}
}

func TestParseKey_DocumentedFormat(t *testing.T) {
	k, err := ParseKey(fixed + fixedChecksum)
	if err != nil || k.ID != "0123456789AB" || k.Secret != "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg" {
		t.Errorf("%+v, %v", k, err)
	}
}

func TestParseKey_EveryChangedCharacter(t *testing.T) {
	s := NewKey().String()
	for i := range len(s) {
		for c := range 256 {
			changed := []byte(s)
			changed[i] = byte(c)
			if string(changed) == s {
				continue
			}
			if _, err := ParseKey(string(changed)); !errors.Is(err, ErrMalformedKey) {
				t.Fatalf("%q was accepted for %q: %v", changed, s, err)
			}
		}
	}
}

func malformedKeys() map[string]string {
	valid := fixed + fixedChecksum
	other := NewKey().String()
	return map[string]string{
		"empty":                  "",
		"prefix only":            "pdk_",
		"no checksum":            fixed,
		"cut":                    valid[:len(valid)-1],
		"longer":                 valid + "0",
		"line break after":       valid + "\n",
		"space before":           " " + valid,
		"space after":            valid + " ",
		"upper case":             strings.ToUpper(valid),
		"lower case":             strings.ToLower(valid),
		"other prefix":           "ghp_" + valid[4:],
		"another key's checksum": fixed + other[bodyLen:],
		"another key's secret":   valid[:secretStart] + other[secretStart:],
		"hyphen for underscore":  strings.Replace(valid, "_", "-", 2),
		"not ASCII":              valid[:20] + "é" + valid[22:],
		"NUL":                    valid[:20] + "\x00" + valid[21:],

		"hyphen, right checksum":          summed(strings.Replace(fixed, "B_", "B-", 1)),
		"sign in the ID, right checksum":  summed(strings.Replace(fixed, "_0", "_%", 1)),
		"sign in secret, right checksum":  summed(strings.Replace(fixed, "B_0", "B_/", 1)),
		"prefix in capitals, right check": summed(strings.Replace(fixed, "pdk", "PDK", 1)),
	}
}

func summed(body string) string {
	sum := checksum(body)
	return body + string(sum[:])
}

func TestParseKey_Malformed(t *testing.T) {
	for name, s := range malformedKeys() {
		if k, err := ParseKey(s); !errors.Is(err, ErrMalformedKey) || k != (Key{}) {
			t.Errorf("%s: %q read as %v, %v", name, s, k, err)
		}
	}
}

func TestKey_LoggedAsPrefix(t *testing.T) {
	k := NewKey()
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("issued", "key", k)
	if strings.Contains(log.String(), k.Secret) || !strings.Contains(log.String(), Prefix(k.ID)) {
		t.Error(log.String())
	}
}

func FuzzParseKey(f *testing.F) {
	f.Add(fixed + fixedChecksum)
	for _, s := range malformedKeys() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		k, err := ParseKey(s)
		switch {
		case err == nil && k.String() != s:
			t.Errorf("%q was accepted for %q", s, k)
		case err != nil && k != Key{}:
			t.Errorf("%q was refused with %v", s, k)
		}
	})
}
