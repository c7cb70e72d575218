package gateway_test

import (
	"cmp"
	"net/http"
	"strings"
	"testing"
)

// TestRefusal_Message checks that the messages of a real server's errors pass unchanged, and that other members beside them
// are left out.
func TestRefusal_Message(t *testing.T) {
	for _, c := range []struct{ path, told, want string }{
		{"/api/chat", `{"error":"\"tiny-chat\" does not support chat"}`, ""},
		{"/api/chat", `{"error":"no","path":"/root/.ollama/models"}`, `{"error":"no"}`},
		{"/api/chat", `{"error":"no","signin_url":"x"}`, `{"error":"no"}`},
		{"/api/chat", `{"error":"no","ERROR":"no"}`, `{"error":"no"}`},
		{"/api/chat", `{"error":"no","error":"/root no"}`, `{"error":"[…] no"}`},
		{"/v1/chat/completions", `{"error":{"message":"no","type":"api_error","param":null,"code":null}}` + "\n", ""},
		{"/v1/chat/completions", `{"error":{"message":"no","type":"x","code":400}}`, ""},
		{"/v1/chat/completions", `{"error":{"message":"no","type":"x"},"trace":["/usr/lib"]}`, `{"error":{"message":"no","type":"invalid_request_error","param":null,"code":null}}`},
		{"/v1/chat/completions", `{"error":{"message":"no","param":"/root"}}`, `{"error":{"message":"no","type":"invalid_request_error","param":null,"code":null}}`},
		{"/v1/chat/completions", `{"error":{"message":"no","param":["/root"]}}`, `{"error":{"message":"no","type":"invalid_request_error","param":null,"code":null}}`},
		{"/v1/messages", `{"type":"error","error":{"type":"x","message":"no"},"request_id":"req_0123"}`, ""},
		{"/v1/messages", `{"type":"error","error":{"type":"x","message":"no","host":"10.0.0.3"}}`, `{"type":"error","error":{"type":"invalid_request_error","message":"no"},"request_id":"req-1"}`},
	} {
		b := startAnswering(t, http.StatusBadRequest, "application/json", c.told)
		got := b.post(t, c.path, strings.ReplaceAll(calls[c.path], "NAME", `"tiny-chat"`))
		if got.Status != http.StatusBadRequest || got.Body != cmp.Or(c.want, c.told) {
			t.Errorf("%s: %s is told as %d %s", c.path, c.told, got.Status, got.Body)
		}
	}
}

// TestRefusal_UnknownRoute checks that a route that the upstream lacks is not found and not worth a retry: the upstream is
// an old Ollama, or another server.
func TestRefusal_UnknownRoute(t *testing.T) {
	for contentType, body := range map[string]string{"text/plain": "404 page not found", "application/json": `{"detail":"Not Found"}`} {
		b := startAnswering(t, http.StatusNotFound, contentType, body)
		for path, request := range calls {
			got := b.post(t, path, strings.ReplaceAll(request, "NAME", `"tiny-chat"`))
			if got.Status != 404 || got.Header.Get("Retry-After") != "" || messageOf(t, path, got.Body) != "the model server does not serve this path" {
				t.Errorf("%s: %d %v %s", path, got.Status, got.Header, got.Body)
			}
		}
	}
}
