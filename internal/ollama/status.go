package ollama

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
)

// StatusError returns what an answer other than 200 means, of which body is the
// beginning, whatever the route and whoever asks. Ollama's statuses differ by route;
// what it means by them does not, once a model name is checked. Unless the body is
// an error in Ollama's terms, it comes from something else in between.
func StatusError(status int, body []byte) *Error {
	said := ErrorText(body)
	e := &Error{Kind: ErrFailed, Status: status, Message: SafeText(said), Own: said != "", detail: cmp.Or(said, http.StatusText(status))}
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusProxyAuthRequired:
		e.Message, e.Own = messageRefused, false // it is about us, not about the client
	case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable:
		e.Kind, e.Message = ErrUnavailable, messageBusy // the queue is full
	case status == http.StatusBadGateway, status == http.StatusGatewayTimeout:
		e.Kind, e.Message, e.Own = ErrUnavailable, messageUnreachable, false // a proxy in between
	case status == http.StatusNotFound && said == "":
		e.Kind, e.Message = ErrNotServed, messageNotServed
	case status == http.StatusNotFound:
		e.Kind = ErrModelNotFound // in two wordings
	case status >= http.StatusBadRequest && status < http.StatusInternalServerError && said != "":
		e.Kind = ErrBadRequest // the request does not fit the model ("does not support chat")
	case status < http.StatusBadRequest:
		e.Message, e.Own = messageRefused, false // a redirect
	} // else the model failed, or its options were refused
	e.Message = cmp.Or(e.Message, messageRefused)
	if errors.Is(e, ErrUnavailable) {
		e.RetryAfter = retryAfter
	}
	return e
}

// ErrorText returns the words of an error in any of Ollama's dialects; "" of what is
// none.
func ErrorText(body []byte) string {
	var e struct{ Error json.RawMessage }
	if json.Unmarshal(body, &e) != nil || len(e.Error) == 0 {
		return ""
	}
	var text string
	if json.Unmarshal(e.Error, &text) == nil {
		return text
	}
	var inner struct{ Message string }
	_ = json.Unmarshal(e.Error, &inner)
	return inner.Message
}
