package gateway

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"

	"connectrpc.com/connect"

	"github.com/paddock-gate/paddock/internal/fault"
	"github.com/paddock-gate/paddock/internal/ollama"
)

// maxRefusal bounds an error of the upstream's.
const maxRefusal = 64 << 10

// errNotServed: the upstream does not have the route, as an old Ollama does not have all of them.
var errNotServed = fault.New(connect.CodeNotFound, fault.NotFoundReason, "the model server does not serve this path")

// passRefusal passes an error of the upstream's on: as it is, or in its dialect anew when that tells of the inside; and its
// status, but for those that are about us or about a proxy in between.
func passRefusal(ctx context.Context, w http.ResponseWriter, d Dialect, answer *ollama.Answer) error {
	body, err := io.ReadAll(io.LimitReader(answer, maxRefusal))
	if err != nil {
		return err
	}
	switch answer.Status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusProxyAuthRequired:
		return ollama.ErrRefused
	case http.StatusBadGateway, http.StatusGatewayTimeout:
		return ollama.ErrUnreachable
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		w.Header().Set("Retry-After", "1")
	}
	message := upstreamMessage(body)
	switch explained := mediaType(answer) == "application/json" && message != ""; {
	case answer.Status == http.StatusNotFound && !explained:
		return errNotServed
	case answer.Status < http.StatusBadRequest, !explained:
		return ollama.ErrNonsense
	}
	if !onlyTells(errorFields[d], body) {
		body = d.errorBody(ctx, answer.Status, "", ollama.SafeText(message))
	}
	writeBody(w, answer.ContentType, answer.Status, body)
	return nil
}

// errorFields are what an error says in each dialect, in itself and in an object of its own under "error".
var errorFields = [...][]string{
	Ollama:    {"error"},
	OpenAI:    {"error", "message", "type", "param", "code"},
	Anthropic: {"error", "message", "type", "request_id"},
}

// onlyTells tells whether an object has no other fields than those, and in them no words that tell of the inside.
func onlyTells(fields []string, object []byte) bool {
	all, err := members(object)
	if err != nil {
		return false
	}
	for _, m := range all {
		ok := slices.Contains(fields, m.key)
		switch m.value[0] {
		case '"':
			said := unquote(m.value)
			ok = ok && strings.Join(strings.Fields(said), " ") == ollama.SafeText(said)
		case '{':
			ok = ok && onlyTells(fields, m.value)
		case '[':
			ok = false
		}
		if !ok {
			return false
		}
	}
	return true
}

// upstreamMessage gives the words of an error in any dialect; "" of what is none.
func upstreamMessage(body []byte) string {
	var e struct{ Error json.RawMessage }
	if json.Unmarshal(body, &e) != nil || len(e.Error) == 0 {
		return ""
	}
	var message string
	if json.Unmarshal(e.Error, &message) == nil {
		return message
	}
	var inner struct{ Message string }
	_ = json.Unmarshal(e.Error, &inner)
	return inner.Message
}
