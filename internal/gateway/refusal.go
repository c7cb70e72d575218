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

// refusal is an error of the upstream's as the client is told it.
type refusal struct {
	status      int
	contentType string
	retryAfter  string // "" is none
	message     string
	body        []byte
}

// readRefusal reads an answer that is an error: as it is, or in the dialect anew when that tells of the inside; and its status.
// It fails when the error is about us or about a proxy in between, or is none that Ollama would give.
func readRefusal(ctx context.Context, d Dialect, answer *ollama.Answer) (*refusal, error) {
	body, err := io.ReadAll(io.LimitReader(answer, maxRefusal))
	if err != nil {
		return nil, err
	}
	said := &refusal{status: answer.Status, contentType: answer.ContentType, message: upstreamMessage(body), body: body}
	switch answer.Status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusProxyAuthRequired:
		return nil, ollama.ErrRefused
	case http.StatusBadGateway, http.StatusGatewayTimeout:
		return nil, ollama.ErrUnreachable
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		said.retryAfter = "1"
	}
	switch explained := mediaType(answer) == jsonContent && said.message != ""; {
	case answer.Status == http.StatusNotFound && !explained:
		return nil, errNotServed
	case answer.Status < http.StatusBadRequest, !explained:
		return nil, ollama.ErrNonsense
	}
	if !onlyTells(errorFields[d], body) {
		said.body = d.errorBody(ctx, answer.Status, "", ollama.SafeText(said.message))
	}
	return said, nil
}

func (r *refusal) write(w http.ResponseWriter) {
	if r.retryAfter != "" {
		w.Header().Set("Retry-After", r.retryAfter)
	}
	writeBody(w, r.contentType, r.status, r.body)
}

// err returns the refusal as an error for the log.
func (r *refusal) err() error { return ollama.ModelError(r.message) }

// errorFields are what an error says in each dialect, in itself and in an object of its own under "error".
var errorFields = [...][]string{
	Ollama:    {"error"},
	OpenAI:    {"error", "message", "type", "param", "code"},
	Anthropic: {"error", "message", "type", "request_id"},
	Responses: {"error", "message", "type", "param", "code"},
}

// onlyTells reports whether an object has no other fields than those, and in them no words that tell of the inside.
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

// upstreamMessage returns the words of an error in any dialect; "" of what is none.
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
