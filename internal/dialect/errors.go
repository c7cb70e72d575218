package dialect

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"connectrpc.com/connect"

	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/caller"
)

// WriteError refuses a request. The error must be one that the client may see.
func (d Dialect) WriteError(w http.ResponseWriter, r *http.Request, err *connect.Error) {
	after := retryAfter(err)
	if after > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(after))
	}
	status := statusOf(err)
	if after > longestRetry {
		w.Header().Set("Retry-After-Ms", "1") // OpenCode reads it first, and would sleep for hours before it says why
	}
	if after > longestRetry || status < http.StatusInternalServerError && status != http.StatusTooManyRequests {
		w.Header().Set("X-Should-Retry", "false") // OpenAI's and Anthropic's clients would ask again, for minutes
	}
	if status == http.StatusUnauthorized {
		challenge(w.Header(), r)
	}
	body := d.ErrorBody(r.Context(), status, string(apierr.ReasonOf(err)), err.Message())
	if reason := apierr.ReasonOf(err); d == Responses && (reason == apierr.QuotaExceeded || reason == apierr.RateLimited) {
		body = exhausted(w.Header(), err)
	}
	d.WriteJSON(w, status, body)
}

// longestRetry is the longest wait that clients shall wait out by themselves, seconds. What takes longer, a quota that is used
// up, a person shall be told at once.
const longestRetry = 60

// retryAfter returns the seconds after which asking again makes sense; 0 is unknown.
func retryAfter(err *connect.Error) int {
	seconds, _ := strconv.Atoi(err.Meta().Get("Retry-After"))
	return seconds
}

// openAIError is an error as OpenAI's clients read it.
type openAIError struct {
	Message  string  `json:"message"`
	Type     string  `json:"type"`
	Param    *string `json:"param"`
	Code     *string `json:"code"`
	ResetsAt int64   `json:"resets_at,omitempty"` // Unix time, seconds
}

func newOpenAIError(status int, code, message string) openAIError {
	e := openAIError{Message: message, Type: typeOf(status)}
	if code != "" {
		e.Code = &code
	}
	return e
}

func (e openAIError) body() []byte {
	b, _ := json.Marshal(struct { // of strings and numbers, which always marshals
		Error openAIError `json:"error"`
	}{e})
	return b
}

// exhausted returns an error of Responses in the words that Codex has for used-up plans. Of all answers with status 429 it
// shows its people those alone, and with them the message in the header.
func exhausted(h http.Header, err *connect.Error) []byte {
	e := newOpenAIError(http.StatusTooManyRequests, string(apierr.ReasonOf(err)), err.Message())
	e.Type, e.ResetsAt = "usage_limit_reached", time.Now().Unix()+int64(retryAfter(err))
	h.Set("X-Codex-Promo-Message", err.Message())
	return e.body()
}

// WriteJSON answers in JSON, which the dialects call by names of their own.
func (d Dialect) WriteJSON(w http.ResponseWriter, status int, body []byte) {
	contentType := "application/json"
	if d == Ollama {
		contentType = "application/json; charset=utf-8"
	}
	WriteBody(w, contentType, status, body)
}

// WriteBody answers with a whole body.
func WriteBody(w http.ResponseWriter, contentType string, status int, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client has gone
}

// ErrorBody returns an error as the dialect's clients read it; the code, for OpenAI's, may be empty.
func (d Dialect) ErrorBody(ctx context.Context, status int, code, message string) []byte {
	type anthropicError struct {
		Type    string `json:"type"`
		Message string `json:"message"`
	}
	type ollamaError struct {
		Error  string `json:"error"`
		Status string `json:"status,omitempty"` // all that Ollama's command line reads of a 401
	}
	var body any
	switch d {
	case Ollama:
		e := ollamaError{Error: message}
		if status == http.StatusUnauthorized {
			e.Status = message
		}
		body = e
	case OpenAI, Responses:
		return newOpenAIError(status, code, message).body()
	case Anthropic:
		body = struct {
			Type      string         `json:"type"`
			Error     anthropicError `json:"error"`
			RequestID string         `json:"request_id,omitempty"`
		}{"error", anthropicError{typeOf(status), message}, caller.From(ctx).RequestID}
	}
	b, _ := json.Marshal(body) // of strings, which always marshal
	return b
}

// typeOf names a status as OpenAI and Anthropic do.
func typeOf(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return "authentication_error"
	case http.StatusForbidden:
		return "permission_error"
	case http.StatusNotFound:
		return "not_found_error"
	case http.StatusTooManyRequests:
		return "rate_limit_error"
	case http.StatusServiceUnavailable:
		return "overloaded_error"
	}
	if status < http.StatusInternalServerError {
		return "invalid_request_error"
	}
	return "api_error"
}

// statusOf returns the HTTP status of an error: Connect's, but 413 for what is too large, since clients that take 429 for a
// limit would try again.
func statusOf(err *connect.Error) int {
	switch {
	case apierr.ReasonOf(err) == apierr.MessageTooLarge:
		return http.StatusRequestEntityTooLarge
	case err.Code() == connect.CodeUnimplemented: // a content coding
		return http.StatusUnsupportedMediaType
	}
	return apierr.HTTPStatus(err.Code())
}
