package ollamatest

import (
	"net/http"
	"strings"
)

// refuse answers with an error, in the dialect of the route.
func (x *exchange) refuse(status int, message string) {
	if body, v1 := x.errorBody(status, "api_error", message); v1 {
		x.plainJSON(status, body)
	} else {
		x.json(status, body)
	}
}

// refuseStream refuses what was found wrong when the stream was to begin, which
// shows in the content type.
func (x *exchange) refuseStream(status int, message string, streams bool) {
	if streams {
		x.header(status, contentPlainJSON)
	}
	x.refuse(status, message)
}

// refuseUnread refuses a request that cannot be read; OpenAI's dialect has a
// kind of error of its own for these.
func (x *exchange) refuseUnread(r *refusal) {
	body, _ := x.errorBody(r.status, "invalid_request_error", r.message)
	x.json(r.status, body)
}

func (x *exchange) errorBody(status int, openAIKind, message string) (body any, v1 bool) {
	type anthropicError struct {
		Type    string `json:"type"`
		Message string `json:"message"`
	}
	type openAIError struct {
		Message string  `json:"message"`
		Type    string  `json:"type"`
		Param   *string `json:"param"`
		Code    *string `json:"code"`
	}
	switch path := x.r.URL.Path; {
	case path == "/v1/messages":
		return struct {
			Type      string         `json:"type"`
			Error     anthropicError `json:"error"`
			RequestID string         `json:"request_id"`
		}{"error", anthropicError{anthropicKind(status), message}, "req_1"}, true
	case strings.HasPrefix(path, "/v1/"):
		return struct {
			Error openAIError `json:"error"`
		}{openAIError{Message: message, Type: openAIKind}}, true
	}
	return map[string]string{"error": message}, false
}

func anthropicKind(status int) string {
	switch status {
	case http.StatusBadRequest:
		return "invalid_request_error"
	case http.StatusUnauthorized:
		return "authentication_error"
	case http.StatusForbidden:
		return "permission_error"
	case http.StatusNotFound:
		return "not_found_error"
	case http.StatusTooManyRequests:
		return "rate_limit_error"
	case http.StatusServiceUnavailable, 529:
		return "overloaded_error"
	}
	return "api_error"
}
