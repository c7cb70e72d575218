package relay

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/paddock-gate/paddock/internal/dialect"
	"github.com/paddock-gate/paddock/internal/ollama"
	"github.com/paddock-gate/paddock/internal/rawjson"
)

// maxRefusal bounds an error of the upstream's.
const maxRefusal = 64 << 10

// Refusal is an error of the upstream's as the client is shown it.
type Refusal struct {
	*ollama.Error
	contentType string
	body        []byte
}

// ReadRefusal reads an answer that is an error of Ollama's: as it is, or in the dialect anew if it would show what is internal. It
// fails with the error that any other answer means.
func ReadRefusal(ctx context.Context, d dialect.Dialect, answer *ollama.Answer) (*Refusal, error) {
	body, err := io.ReadAll(io.LimitReader(answer, maxRefusal))
	if err != nil {
		return nil, err
	}
	if mediaType(answer) != dialect.JSON {
		return nil, ollama.StatusError(answer.Status, nil)
	}
	refused := &Refusal{ollama.StatusError(answer.Status, body), answer.ContentType, body}
	if !refused.Own {
		return nil, refused.Error
	}
	if !onlyTells(errorFields[d], body) {
		refused.body = d.ErrorBody(ctx, answer.Status, "", refused.message())
	}
	return refused, nil
}

// message returns what the upstream said, for clients.
func (r *Refusal) message() string { return ollama.SafeText(ollama.ErrorText(r.body)) }

// Write answers with the refusal.
func (r *Refusal) Write(w http.ResponseWriter) {
	if r.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(r.RetryAfter.Seconds())))
	}
	dialect.WriteBody(w, r.contentType, r.Status, r.body)
}

// errorFields are what an error says in each dialect, in itself and in an object of its own under "error".
var errorFields = [...][]string{
	dialect.Ollama:    {"error"},
	dialect.OpenAI:    {"error", "message", "type", "param", "code"},
	dialect.Anthropic: {"error", "message", "type", "request_id"},
	dialect.Responses: {"error", "message", "type", "param", "code"},
}

// onlyTells reports whether an object has no other fields than those, and in them no words that show what is internal.
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
