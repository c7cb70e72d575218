// Package email normalises email addresses, once and in Go, so that both databases give the same verdict on which two
// are the same.
package email

import (
	"errors"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// maxBytes is the longest address that can be mailed to (RFC 5321, 4.5.3.1.3, less the angle brackets).
const maxBytes = 254

var domains = idna.New(idna.MapForLookup(), idna.StrictDomainName(true), idna.VerifyDNSLength(true), idna.BidiRule())

// ErrInvalid is the error of every text that is no email address.
var ErrInvalid = errors.New("must be an email address such as ada@example.com")

// Normalize returns the one spelling of the address: no space around it, an ASCII local part in lower case, the domain in
// its ASCII form by IDNA (RFC 5891) and without a trailing dot, 254 bytes at most. It is idempotent.
func Normalize(s string) (string, error) {
	s = strings.Trim(s, " \t\r\n")
	at := strings.LastIndexByte(s, '@')
	if at < 1 || at > 64 || !utf8.ValidString(s) {
		return "", ErrInvalid
	}
	local := s[:at]
	for i := range len(local) {
		if !isAtext(local[i]) {
			return "", ErrInvalid
		}
	}
	if local[0] == '.' || local[at-1] == '.' || strings.Contains(local, "..") {
		return "", ErrInvalid
	}
	domain, err := domains.ToASCII(s[at+1:])
	domain = strings.TrimSuffix(domain, ".") // only now: IDNA takes other signs for a dot too
	if err != nil || domain == "" || strings.HasSuffix(domain, ".") || len(local)+1+len(domain) > maxBytes {
		return "", ErrInvalid
	}
	return strings.ToLower(local) + "@" + strings.ToLower(domain), nil
}

// isAtext reports whether c may stand in a dot-atom (RFC 5322, 3.2.3).
func isAtext(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return strings.IndexByte(".!#$%&'*+-/=?^_`{|}~", c) >= 0
}
