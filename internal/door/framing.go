package door

import (
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"connectrpc.com/connect"

	"github.com/paddock-gate/paddock/internal/apierr"
)

var (
	errCompressed = apierr.New(connect.CodeUnimplemented, apierr.InvalidArgument, "requests must not be compressed")
	errNoMessage  = apierr.Invalid("", "the body is not one message of its protocol")
)

// CheckFraming returns an error if the headers or the query around an RPC's message make no sense. connect-go would refuse those by
// itself, without our ErrorInfo and at times with status 500.
func CheckFraming(r *http.Request) error {
	// connect-go compares media types in lower case.
	if kind := r.Header.Get("Content-Type"); kind != "" {
		r.Header.Set("Content-Type", strings.ToLower(kind))
	}
	for _, name := range []string{"Content-Encoding", "Connect-Content-Encoding", "Grpc-Encoding"} {
		if isCompressed(r.Header.Get(name)) {
			return errCompressed
		}
	}
	if v := r.Header.Get("Connect-Timeout-Ms"); v != "" && !isNumber(v, 10) {
		return apierr.Invalid("Connect-Timeout-Ms", "must be a number of milliseconds, of 10 digits at most")
	}
	if v := r.Header.Get("Grpc-Timeout"); v != "" && !(strings.Contains("HMSmun", v[len(v)-1:]) && isNumber(v[:len(v)-1], 8)) {
		return apierr.Invalid("grpc-timeout", "must be a number of 8 digits at most, and one of H, M, S, m, u, n")
	}
	if v := r.Header.Get("Connect-Protocol-Version"); v != "" && v != "1" {
		return apierr.Invalid("Connect-Protocol-Version", "must be 1")
	}
	if r.Method == http.MethodGet {
		return checkQuery(r.URL.Query())
	}
	return nil
}

// checkQuery checks the parameters of a Connect GET.
func checkQuery(q url.Values) error {
	switch e := q.Get("encoding"); {
	case e != "json" && e != "proto":
		return apierr.Invalid("encoding", "must be json or proto")
	case q.Get("connect") != "" && q.Get("connect") != "v1":
		return apierr.Invalid("connect", "must be v1")
	case isCompressed(q.Get("compression")):
		return errCompressed
	case !q.Has("message"):
		return apierr.Invalid("message", "must be there")
	case q.Get("base64") == "1" && !isBase64(q.Get("message")):
		return apierr.Invalid("message", "is not base64url")
	}
	return nil
}

// isBase64 reports whether s is URL-safe base64, with or without padding, which it distinguishes as connect-go does.
func isBase64(s string) bool {
	encoding := base64.URLEncoding
	if len(s)%4 != 0 {
		encoding = base64.RawURLEncoding
	}
	_, err := encoding.DecodeString(s)
	return err == nil
}

func isCompressed(encoding string) bool { return encoding != "" && encoding != "identity" }

// isNumber reports whether s has 1 to digits digits and nothing else.
func isNumber(s string, digits int) bool {
	_, err := strconv.ParseUint(s, 10, 64)
	return err == nil && len(s) <= digits
}

// enveloped reports whether the body's protocol is gRPC, gRPC-Web or streaming Connect.
func enveloped(r *http.Request) bool {
	kind := r.Header.Get("Content-Type")
	return strings.HasPrefix(kind, "application/grpc") || strings.HasPrefix(kind, "application/connect+")
}

// isOneMessage reports whether the body is one uncompressed message behind its prefix of flags and length, as in requests of all our
// methods.
func isOneMessage(body []byte) bool {
	const prefix = 5
	return len(body) >= prefix && body[0] == 0 && uint64(binary.BigEndian.Uint32(body[1:])) == uint64(len(body)-prefix)
}
