package gateway

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"

	"connectrpc.com/connect"

	"github.com/paddock-gate/paddock/internal/fault"
	"github.com/paddock-gate/paddock/internal/ollama"
)

// maxRefusal bounds an error of the upstream's.
const maxRefusal = 64 << 10

// errNotServed: the upstream does not have the route, as an old Ollama does not have all of them.
var errNotServed = fault.New(connect.CodeNotFound, fault.NotFoundReason, "the model server does not serve this path")

// passRefusal passes an error of the upstream's on: its words, but for what they may tell of the inside, and its status, but
// for those that are about us or about a proxy in between.
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
	switch explained := isJSON(answer) && message != ""; {
	case answer.Status == http.StatusNotFound && !explained:
		return errNotServed
	case answer.Status < http.StatusBadRequest, !explained:
		return ollama.ErrNonsense
	}
	if safe := ollama.SafeText(message); strings.Join(strings.Fields(message), " ") != safe {
		body = d.errorBody(ctx, answer.Status, "", safe)
	}
	writeBody(w, answer.ContentType, answer.Status, body)
	return nil
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
