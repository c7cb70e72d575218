package auth

import (
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/paddock-gate/paddock/internal/convert"
	"github.com/paddock-gate/paddock/internal/secret"
)

// found is the credential of a request while its header is read.
type found struct {
	credential string
	accepted   bool // it was in a header where its kind is accepted
}

// credentialIn returns the request's one credential, or convert.ErrUnauthenticated when there is none. Only what Paddock could
// have issued counts: clients also send the keys of other services, and placeholders such as "ollama" where they insist on
// one. Two different credentials of ours are errAmbiguous, in whatever headers. With basic, an API key is accepted in HTTP
// Basic as well, as the password or as a user name without one.
func (a *Service) credentialIn(h http.Header, basic bool) (string, error) {
	var f found
	for _, v := range h.Values("Authorization") {
		scheme, rest, _ := strings.Cut(v, " ")
		rest = strings.TrimLeft(rest, " ")
		switch {
		case strings.EqualFold(scheme, "Bearer"):
			if err := a.add(&f, rest, true); err != nil {
				return "", err
			}
		case strings.EqualFold(scheme, "Basic"):
			user, password := basicCredentials(rest)
			if err := a.add(&f, user, basic && password == "" && secret.LooksLikeKey(user)); err != nil {
				return "", err
			}
			if err := a.add(&f, password, basic && secret.LooksLikeKey(password)); err != nil {
				return "", err
			}
		}
	}
	for _, v := range h.Values("X-Api-Key") {
		if err := a.add(&f, v, secret.LooksLikeKey(v)); err != nil {
			return "", err
		}
	}
	if !f.accepted {
		return "", convert.ErrUnauthenticated
	}
	return f.credential, nil
}

// add adds a credential to what was found if it could be one of ours, and fails if that is another one.
func (a *Service) add(f *found, credential string, accepted bool) error {
	if credential == "" || !secret.LooksLikeKey(credential) && !a.access.Claims(credential) {
		return nil
	}
	if f.credential != "" && f.credential != credential {
		return errAmbiguous
	}
	f.credential, f.accepted = credential, f.accepted || accepted
	return nil
}

// basicCredentials decodes the user name and the password of HTTP Basic (RFC 7617); both are empty if malformed. A missing
// colon is allowed: clients that have no password leave it out.
func basicCredentials(encoded string) (user, password string) {
	decoded, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return "", ""
	}
	user, password, _ = strings.Cut(string(decoded), ":")
	return user, password
}
