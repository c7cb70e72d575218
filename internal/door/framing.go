package door

import (
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"connectrpc.com/connect"

	"github.com/paddock-gate/paddock/internal/fault"
)

var (
	errCompressed = fault.New(connect.CodeUnimplemented, fault.InvalidArgument, "requests must not be compressed")
	errNoMessage  = fault.Invalid("", "the body is not one message of its protocol")
)

// CheckFraming refuses what connect-go would refuse by itself, without our ErrorInfo and at times with status 500: what
// stands around the message and makes no sense.
func CheckFraming(r *http.Request) error {
	// As connect-go compares them.
	if kind := r.Header.Get("Content-Type"); kind != "" {
		r.Header.Set("Content-Type", strings.ToLower(kind))
	}
	for _, name := range []string{"Content-Encoding", "Connect-Content-Encoding", "Grpc-Encoding"} {
		if isCompressed(r.Header.Get(name)) {
			return errCompressed
		}
	}
	if v := r.Header.Get("Connect-Timeout-Ms"); v != "" && !isNumber(v, 10) {
		return fault.Invalid("Connect-Timeout-Ms", "must be a number of milliseconds, of 10 digits at most")
	}
	if v := r.Header.Get("Grpc-Timeout"); v != "" && !(strings.Contains("HMSmun", v[len(v)-1:]) && isNumber(v[:len(v)-1], 8)) {
		return fault.Invalid("grpc-timeout", "must be a number of 8 digits at most, and one of H, M, S, m, u, n")
	}
	if v := r.Header.Get("Connect-Protocol-Version"); v != "" && v != "1" {
		return fault.Invalid("Connect-Protocol-Version", "must be 1")
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
		return fault.Invalid("encoding", "must be json or proto")
	case q.Get("connect") != "" && q.Get("connect") != "v1":
		return fault.Invalid("connect", "must be v1")
	case isCompressed(q.Get("compression")):
		return errCompressed
	case !q.Has("message"):
		return fault.Invalid("message", "must be there")
	case q.Get("base64") == "1" && !isBase64(q.Get("message")):
		return fault.Invalid("message", "is not base64url")
	}
	return nil
}

// isBase64 tells whether s is URL-safe base64 with padding or without, told apart as connect-go does it.
func isBase64(s string) bool {
	encoding := base64.URLEncoding
	if len(s)%4 != 0 {
		encoding = base64.RawURLEncoding
	}
	_, err := encoding.DecodeString(s)
	return err == nil
}

func isCompressed(encoding string) bool { return encoding != "" && encoding != "identity" }

// isNumber tells whether s is of 1 to digits digits.
func isNumber(s string, digits int) bool {
	_, err := strconv.ParseUint(s, 10, 64)
	return err == nil && len(s) <= digits
}

// enveloped tells whether the body's protocol is gRPC, gRPC-Web or streaming Connect.
func enveloped(r *http.Request) bool {
	kind := r.Header.Get("Content-Type")
	return strings.HasPrefix(kind, "application/grpc") || strings.HasPrefix(kind, "application/connect+")
}

// isOneMessage tells whether the body is one uncompressed message behind its prefix of flags and length, as the requests
// of all our methods are.
func isOneMessage(body []byte) bool {
	const prefix = 5
	return len(body) >= prefix && body[0] == 0 && uint64(binary.BigEndian.Uint32(body[1:])) == uint64(len(body)-prefix)
}
