package gateway

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/paddock-gate/paddock/internal/ollama"
	"github.com/paddock-gate/paddock/internal/rawjson"
)

// maxRefusal bounds an error of the upstream's.
const maxRefusal = 64 << 10

// refusal is an error of the upstream's as the client is told it.
type refusal struct {
	*ollama.Error
	contentType string
	body        []byte
}

// readRefusal reads an answer that is an error of Ollama's: as it is, or in the dialect anew when that tells of the inside. It
// fails with the error that any other answer means.
func readRefusal(ctx context.Context, d Dialect, answer *ollama.Answer) (*refusal, error) {
	body, err := io.ReadAll(io.LimitReader(answer, maxRefusal))
	if err != nil {
		return nil, err
	}
	if mediaType(answer) != jsonContent {
		return nil, ollama.StatusError(answer.Status, nil)
	}
	refused := &refusal{ollama.StatusError(answer.Status, body), answer.ContentType, body}
	if !refused.Own {
		return nil, refused.Error
	}
	if !onlyTells(errorFields[d], body) {
		refused.body = d.errorBody(ctx, answer.Status, "", refused.message())
	}
	return refused, nil
}

// message returns what the upstream said, for clients.
func (r *refusal) message() string { return ollama.SafeText(ollama.ErrorText(r.body)) }

func (r *refusal) write(w http.ResponseWriter) {
	if r.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(r.RetryAfter.Seconds())))
	}
	writeBody(w, r.contentType, r.Status, r.body)
}

// errorFields are what an error says in each dialect, in itself and in an object of its own under "error".
var errorFields = [...][]string{
	Ollama:    {"error"},
	OpenAI:    {"error", "message", "type", "param", "code"},
	Anthropic: {"error", "message", "type", "request_id"},
	Responses: {"error", "message", "type", "param", "code"},
}

// onlyTells reports whether an object has no other fields than those, and in them no words that tell of the inside.
func onlyTells(fields []string, object []byte) bool {
	all, err := rawjson.Members(object, nil)
	if err != nil {
		return false
	}
	for _, m := range all {
		ok := slices.Contains(fields, m.Key)
		switch m.Value[0] {
		case '"':
			said := rawjson.Unquote(m.Value)
			ok = ok && strings.Join(strings.Fields(said), " ") == ollama.SafeText(said)
		case '{':
			ok = ok && onlyTells(fields, m.Value)
		case '[':
			ok = false
		}
		if !ok {
			return false
		}
	}
	return true
}
