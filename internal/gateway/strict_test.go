package gateway_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
)

// TestUpstreamRequest_Rebuilt checks that requests go upstream rebuilt from the fields that were understood.
func TestUpstreamRequest_Rebuilt(t *testing.T) {
	upstream := ollamatest.Start(t)
	upstream.Script("tiny-chat", ollamatest.Say("hello"), ollamatest.Done("stop", 1, 1)) // also to what it cannot do
	b := start(t, upstream)
	for _, c := range []struct{ path, body, want string }{
		{
			"/api/chat", "{ \"messages\" : [ {\"role\":\"user\",\"content\":\"h\\u0069 <b>\"} ],\r\n\t\"model\": \"tiny-chat\" }\n",
			`{"model":"tiny-chat","messages":[ {"role":"user","content":"h\u0069 <b>"} ],"stream":true}`,
		},
		{
			"/api/chat", `{"model":"tiny-chat",` + hi + `,"stream":false,"keep_alive":"5m","format":{"type":"object"},"think":"low","tools":null,"nonsense":{"model":"x"},"options":{"num_gpu":99,"num_thread":64,"use_mmap":false,"nonsense":1,"num_ctx":4096.0,"seed":42,"top_k":null}}`,
			`{"model":"tiny-chat",` + hi + `,"format":{"type":"object"},"think":"low","keep_alive":"5m","options":{"num_ctx":4096,"seed":42},"stream":false}`,
		},
		{
			"/api/chat", `{"model":"tiny-chat",` + hi + `,"options":{"num_predict":-1,"num_gpu":1}}`,
			`{"model":"tiny-chat",` + hi + `,"options":{"num_predict":-1},"stream":true}`,
		},
		{
			"/api/generate", `{"model":"tiny-chat","prompt":"p","options":{"num_predict":-2.0,"seed":1}}`,
			`{"model":"tiny-chat","prompt":"p","options":{"seed":1,"num_predict":-2},"stream":true}`,
		},
		{
			"/v1/chat/completions", `{"model":"tiny-chat",` + hi + `,"max_tokens":-1,"max_completion_tokens":5}`,
			`{"model":"tiny-chat",` + hi + `,"max_tokens":5}`,
		},
		{
			"/api/chat", `{"model":"tiny-chat",` + hi + `,"options":{"num_predict":7.9,"top_k":-1.5,"temperature":3,"stop":[` + strings.Repeat(`"x",`, 20) + `"x"]}}`,
			`{"model":"tiny-chat",` + hi + `,"options":{"top_k":-1,"temperature":3,"stop":[` + strings.Repeat(`"x",`, 20) + `"x"],"num_predict":7},"stream":true}`,
		},
		{
			"/v1/chat/completions", `{"model":"tiny-chat",` + hi + `,"temperature":2.5}`,
			`{"model":"tiny-chat",` + hi + `,"temperature":2.5}`,
		},
		{
			"/api/chat", `{"model":"tiny-chat","keep_alive":"24h"}`,
			`{"model":"tiny-chat","keep_alive":"30m0s","stream":true}`,
		},
		{
			"/api/generate", `{"model":"tiny-chat","prompt":"","keep_alive":null}`,
			`{"model":"tiny-chat","prompt":"","stream":true}`,
		},
		{
			"/api/generate", `{"model":"tiny-chat","prompt":"p","system":"s","raw":false,"template":"","images":["aGk="],"context":[1,2],"options":{"num_predict":9999999}}`,
			`{"model":"tiny-chat","prompt":"p","system":"s","raw":false,"template":"","images":["aGk="],"context":[1,2],"options":{"num_predict":9999999},"stream":true}`,
		},
		{
			"/api/generate", `{"model":"tiny-chat","prompt":"p","raw":true,"keep_alive":-1,"options":{"num_ctx":262144,"top_p":1.5,"stop":["` + strings.Repeat("x", 500) + `"]}}`,
			`{"model":"tiny-chat","prompt":"p","raw":true,"keep_alive":"30m0s","options":{"num_ctx":262144,"top_p":1.5,"stop":["` + strings.Repeat("x", 500) + `"]},"stream":true}`,
		},
		{
			"/api/generate", `{"model":"tiny-chat","prompt":"p","keep_alive":0}`,
			`{"model":"tiny-chat","prompt":"p","stream":true}`,
		},
		{
			"/api/chat", `{"model":"tiny-chat","messages":[{"role":"user","content":"a\u0000b"}],"format":` + strings.Repeat(`{"a":`, 200) + `1` + strings.Repeat("}", 200) + `}`,
			`{"model":"tiny-chat","messages":[{"role":"user","content":"a\u0000b"}],"format":` + strings.Repeat(`{"a":`, 200) + `1` + strings.Repeat("}", 200) + `,"stream":true}`,
		},
		{
			"/api/embed", `{"model":"tiny-embed","input":["a","b"],"truncate":true,"dimensions":4,"keep_alive":-1}`,
			`{"model":"tiny-embed","input":["a","b"],"truncate":true,"dimensions":4,"keep_alive":"30m0s"}`,
		},
		{
			"/v1/chat/completions", `{"model":"tiny-chat",` + hi + `,"n":1,"user":"u","store":true,"metadata":{},"tool_choice":"auto","parallel_tool_calls":true,"max_completion_tokens":5,"stop":"x","temperature":1,"response_format":{"type":"json_object"}}`,
			`{"model":"tiny-chat",` + hi + `,"parallel_tool_calls":true,"stop":"x","temperature":1,"response_format":{"type":"json_object"},"tool_choice":"auto","max_tokens":5}`,
		},
		{
			"/v1/chat/completions", `{"model":"tiny-chat",` + hi + `,"stream":true,"max_tokens":7,"max_completion_tokens":5,"stream_options":{"include_usage":false}}`,
			`{"model":"tiny-chat",` + hi + `,"max_tokens":5,"stream":true,"stream_options":{"include_usage":true}}`,
		},
		{
			"/v1/messages", `{"model":"tiny-chat","max_tokens":9,` + hi + `,"metadata":{"user_id":"x"},"thinking":{"type":"disabled"},"tools":[{"name":"f","input_schema":{}},{"type":"custom","name":"g"}]}`,
			`{"model":"tiny-chat",` + hi + `,"thinking":{"type":"disabled"},"tools":[{"name":"f","input_schema":{}},{"type":"custom","name":"g"}],"max_tokens":9}`,
		},
		{
			"/v1/messages", `{"model":"tiny-chat","max_tokens":9,` + hi + `,"output_config":{"effort":"low"},"system":[{"type":"text","text":"x-anthropic-billing-header: cc_version=2.1; cch=1;"},{"type":"text","text":"be kind"}],"tools":[{"name":"f"},{"type":"web_search_20250305","name":"web_search","max_uses":5}]}`,
			`{"model":"tiny-chat",` + hi + `,"output_config":{"effort":"low"},"system":[{"type":"text","text":"be kind"}],"tools":[{"name":"f"}],"max_tokens":9}`,
		},
		{
			"/v1/messages", `{"model":"tiny-chat","max_tokens":9,` + hi + `,"system":"x-anthropic-billing-header: cch=1;\nbe kind","tools":[{"TYPE":"web_search_20250305","name":"web_search"}],"tool_choice":{"type":"tool","name":"web_search"}}`,
			`{"model":"tiny-chat",` + hi + `,"system":"be kind","max_tokens":9}`,
		},
		{
			"/v1/messages", `{"model":"tiny-chat","max_tokens":9,` + hi + `,"tools":[{"type":"bash_20250124","name":"bash"},{"type":"custom","name":"web_search"}],"tool_choice":{"type":"any"}}`,
			`{"model":"tiny-chat",` + hi + `,"tools":[{"type":"bash_20250124","name":"bash"},{"type":"custom","name":"web_search"}],"tool_choice":{"type":"any"},"max_tokens":9}`,
		},
		{
			"/v1/messages", `{"model":"tiny-chat","max_tokens":9,` + hi + `,"tools":[{"type":"function","name":"f"},{"type":"mcp_toolset","mcp_server_name":"x"},{"type":"code_execution_20250825","name":"code_execution"}]}`,
			`{"model":"tiny-chat",` + hi + `,"tools":[{"type":"function","name":"f"}],"max_tokens":9}`,
		},
		{
			"/api/chat", `{"model":"tiny-chat",` + hi + `,"tools":[{"type":"web_search"},{"type":"function","function":{"name":"f"}},{"function":{"name":"g"}}]}`,
			`{"model":"tiny-chat",` + hi + `,"tools":[{"type":"function","function":{"name":"f"}},{"function":{"name":"g"}}],"stream":true}`,
		},
		{ // as long after the tool was left out as before
			"/v1/responses", `{"model":"tiny-chat","input":"hi","tools":[{   "type":"namespace","name":"","tools":[{"type":"function","name":"f"},{"type":"web_search"}],"<<<<<":1}]}`,
			`{"model":"tiny-chat","input":"hi","tools":[{"type":"namespace","name":"","tools":[{"type":"function","name":"f"}],"\u003c\u003c\u003c\u003c\u003c":1}]}`,
		},
		{
			"/api/chat", `{"model":"tiny-chat","messages":[],"keep_alive":1}`,
			`{"model":"tiny-chat","messages":[],"stream":true}`,
		},
		{
			"/api/chat", `{"model":"tiny-chat","keep_alive":"10m","messages":[]}`,
			`{"model":"tiny-chat","messages":[],"keep_alive":"10m","stream":true}`,
		},
	} {
		if got := b.post(t, c.path, c.body); got.Status != http.StatusOK {
			t.Errorf("%s: %d %s", c.body, got.Status, got.Body)
		}
		if got := b.sent(t); got != c.want {
			t.Errorf("%s\nsent %s\nwant %s", c.body, got, c.want)
		}
	}
}

// TestInvalidRequest_NotForwarded checks that invalid requests never go upstream, and that the error names the field.
func TestInvalidRequest_NotForwarded(t *testing.T) {
	b := start(t, ollamatest.Start(t))
	ask := func(more string) string { return `{"model":"tiny-chat",` + hi + `,` + more + `}` }
	generate := func(more string) string { return `{"model":"tiny-chat","prompt":"x",` + more + `}` }
	for _, c := range []struct{ path, body, says string }{
		{"/api/chat", ``, "not one JSON object"},
		{"/api/chat", `[]`, "not one JSON object"},
		{"/api/chat", `{"model":"tiny-chat","messages":`, "not one JSON object"},
		{"/api/chat", ask(`"stream":false`) + ` {"model":"tiny-think"}`, "goes on"},
		{"/api/chat", ask(`"model":"tiny-think"`), "model is there twice"},
		{"/api/chat", ask(`"\u006dodel":"tiny-think"`), "model is there twice"},
		{"/api/chat", ask(`"MODEL":"tiny-think"`), "must be spelled model"},
		{"/api/chat", ask(`"keep_\u0061live":0,"\u212aeep_alive":0`), "must be spelled keep_alive"},
		{"/api/chat", ask(`"option\u017f":{"num_ctx":1}`), "must be spelled options"},
		{"/api/chat", ask(`"options":{"num_ctx":1,"num_ctx":2}`), "num_ctx is there twice"},
		{"/api/chat", ask(`"options":{"NUM_CTX":1}`), "must be spelled num_ctx"},
		{"/api/chat", ask(`"options":[]`), "options: must be an object"},
		{"/api/chat", ask(`"options":{"num_ctx":2147483648}`), "num_ctx: must be a number from 1 to 2147483647"},
		{"/api/chat", ask(`"options":{"num_ctx":0}`), "num_ctx"},
		{"/api/chat", ask(`"options":{"num_ctx":"many"}`), "num_ctx"},
		{"/v1/chat/completions", ask(`"max_tokens":1.5`), "max_tokens"},
		{"/api/chat", ask(`"options":{"num_predict":1e99}`), "num_predict"},
		{"/api/chat", ask(`"options":{"temperature":"hot"}`), "temperature"},
		{"/api/chat", ask(`"options":{"stop":"x"}`), "stop"},
		{"/api/chat", ask(`"options":{"stop":[1]}`), "stop"},
		{"/api/chat", ask(`"stream":"yes"`), "stream: must be true or false"},
		{"/api/chat", ask(`"tools":{}`), "tools: must be a list"},
		{"/api/chat", ask(`"_debug_render_only":true`), "_debug_render_only"},
		{"/api/chat", `{"model":"tiny-chat","messages":"hi"}`, "messages: must be a list"},
		{"/api/chat", "{\"model\":\"tiny-chat\",\"messages\":[{\"role\":\"user\",\"content\":\"\x00\"}]}", "control character"},
		{"/api/chat", `{"model":"tiny\u0000-chat",` + hi + `}`, "no model name"},
		{"/api/chat", `{"model":"tiny-chat","keep_alive":"1ns"}`, "keep_alive"},
		{"/api/chat", ask(`"keep_alive":"long"`), "keep_alive"},
		{"/api/chat", ask(`"keep_alive":""`), "keep_alive"},
		{"/api/chat", "{\"model\":\"tiny-chat\",\"messages\":[{\"role\":\"user\",\"content\":\"\xff\"}]}", "UTF-8"},
		{"/api/chat", `{` + hi + `}`, "model is required"},
		{"/api/chat", `{"model":"",` + hi + `}`, "model is required"},
		{"/api/chat", `{"model":null,` + hi + `}`, "model is required"},
		{"/api/chat", `{"model":["tiny-chat"],` + hi + `}`, "model: must be a string"},
		{"/api/chat", `{"model":"../../etc/passwd",` + hi + `}`, "no model name"},
		{"/api/chat", `{"model":"tiny-chat","keep_alive":0}`, "keep_alive"},
		{"/api/chat", `{"model":"tiny-chat","messages":[],"keep_alive":"0s"}`, "keep_alive"},
		{"/api/generate", `{"model":"tiny-chat","prompt":"","keep_alive":"-0h0.0m"}`, "keep_alive"},
		{"/v1/responses", `{"model":"tiny-chat","input":"x","previous_response_id":"resp_1"}`, "previous_response_id"},
		{"/v1/responses", `{"model":"tiny-chat","input":"x","conversation":{"id":"c"}}`, "conversation"},
		{"/v1/responses", `{"model":"tiny-chat","input":"x","background":true}`, "background"},
		{"/v1/responses", `{"model":"tiny-chat","input":{}}`, "input"},
		{"/v1/responses", `{"model":"tiny-chat","input":"x","tools":[1]}`, "tools"},
		{"/v1/responses", `{"model":"tiny-chat","input":"x","tools":[` + strings.Repeat(`{},`, 4096) + `{}]}`, "tools: must be a list of at most 4096"},
		{"/v1/responses", `{"model":"tiny-chat","input":"x","tools":[` + strings.Repeat(`{"type":"namespace","tools":[`+strings.Repeat(`{},`, 99)+`{}]},`, 41) + `{}]}`, "tools: must be a list of at most 4096"},
		{"/api/generate", generate(`"context":"x"`), "context"},
		{"/api/embed", `{"model":"tiny-embed","input":42}`, "input"},
		{"/api/embed", `{"model":"tiny-embed","input":[[1,2]]}`, "input"},
		{"/api/embeddings", `{"model":"tiny-embed","prompt":["x"]}`, "prompt"},
		{"/api/show", `{"model":"tiny-chat","name":"tiny-think"}`, "named twice"},
		{"/v1/chat/completions", ask(`"max_tokens":"3"`), "max_tokens"},
		{"/v1/chat/completions", ask(`"stream_options":true`), "stream_options"},
		{"/v1/completions", generate(`"logprobs":true`), "logprobs"},
		{"/v1/completions", `{"model":"tiny-chat","prompt":["a","b"]}`, "prompt: must be a string"},
		{"/v1/embeddings", `{"model":"tiny-embed","input":{}}`, "input"},
		{"/v1/messages", ask(`"max_tokens":5,"tools":[{"type":"custom","type":"web_search_20250305"}]`), "tools: must be a list of at most 4096 objects"},
	} {
		got := b.post(t, c.path, c.body)
		if got.Status != http.StatusBadRequest || !strings.Contains(messageOf(t, c.path, got.Body), c.says) {
			t.Errorf("%s %.200s: %d %s", c.path, c.body, got.Status, got.Body)
		}
	}
	if all := b.Upstream.Requests(); len(all) > 0 {
		t.Errorf("%s %s went upstream", all[0].Path, all[0].Body)
	}
	b.records(t, 0)
}

// messageOf returns an error's message, and checks that it is in the dialect of the path.
func messageOf(t testing.TB, path, body string) string {
	t.Helper()
	var simple struct{ Error string }
	var openAI struct {
		Error struct {
			Message, Type string
			Param, Code   any
		}
	}
	var anthropic struct {
		Type      string
		Error     struct{ Type, Message string }
		RequestID string `json:"request_id"`
	}
	into, ok := any(&openAI), func() bool { return openAI.Error.Message != "" && openAI.Error.Type != "" && openAI.Error.Param == nil }
	message := &openAI.Error.Message
	switch {
	case strings.HasPrefix(path, "/api"):
		into, message, ok = &simple, &simple.Error, func() bool { return true }
	case strings.HasPrefix(path, "/v1/messages"):
		into, message, ok = &anthropic, &anthropic.Error.Message, func() bool { return anthropic.Type == "error" && anthropic.Error.Type != "" }
	}
	if err := json.Unmarshal([]byte(body), into); err != nil || !ok() || *message == "" {
		t.Errorf("%s: no error of its dialect: %s", path, body)
	}
	return *message
}

// TestUnknownRoutes_NotForwarded checks that other routes, in any spelling, are not found or not allowed, in the dialect,
// and never forwarded.
func TestUnknownRoutes_NotForwarded(t *testing.T) {
	b := start(t, ollamatest.Start(t))
	for _, route := range []string{
		"POST /api/create", "POST /api/pull", "POST /api/push", "POST /api/copy", "DELETE /api/delete", "POST /api/me", "POST /api/signout",
		"HEAD /api/blobs/sha256:0", "POST /api/blobs/sha256:0", "GET /api/status", "GET /api/experimental/aliases", "DELETE /api/user/keys/x",
		"GET /api/", "GET /api", "GET /v1", "GET /v1/", "POST /v1/images/generations", "POST /v1/audio/speech",
		"GET /api/chat", "PUT /api/chat", "DELETE /api/chat", "OPTIONS /api/chat", "PATCH /api/chat", "HEAD /api/chat", "BREW /api/chat",
		"POST /api/tags", "POST /api/version", "POST /api/ps", "GET /api/show", "GET /v1/chat/completions", "DELETE /v1/models/tiny-chat",
		"POST /v1/models", "GET /v1/messages",
		"POST /api/./chat", "POST /api/x/../chat", "POST /x/../api/chat",
		"POST /api/%63hat", "POST /%61pi/chat", "POST /api%2fchat", "POST /api/chat%2f", "POST /api/chat%00", "POST /api/chat%20", "POST /api/chat;x=y",
		"POST /api/%2e%2e/api/chat", "POST /api/..%2fapi/chat", "POST /v1/%2e/messages",
		"POST //api/../api/chat", "POST //x//../api/chat", "POST /api//./chat", "POST //%61pi/chat", "POST //api", "GET /api//", "GET //v1/",
		"GET /v1/models/../models", "GET /v1//models/./x", "GET /v1/models%2f/x", "GET /v1/models/%2e%2e//models", "GET /v1/models/x%2f..%2f..%2fmodels", "GET /v1/%6dodels/tiny-chat",
		"POST /API/chat", "POST /api/Chat", "POST /api/chatx", "POST /api/chat/x",
	} {
		method, path, _ := strings.Cut(route, " ")
		got := send(t, method, b.URL+path, `{"model":"tiny-chat",`+hi+`}`)
		if got.Status != http.StatusNotFound && got.Status != http.StatusMethodNotAllowed {
			t.Errorf("%s: %d %s", route, got.Status, got.Body)
		}
		if got.Status == http.StatusMethodNotAllowed && got.Header.Get("Allow") == "" {
			t.Errorf("%s: no word of what is allowed", route)
		}
		if method != "HEAD" && !strings.HasPrefix(path, "/API") && !strings.HasPrefix(path, "/api%2f") && !strings.HasPrefix(got.Body, `{"error":`) && !strings.HasPrefix(got.Body, `{"type":"error"`) {
			t.Errorf("%s: in no dialect: %s", route, got.Body)
		}
	}
	if all := b.Upstream.Requests(); len(all) > 0 {
		t.Errorf("%s %s went upstream", all[0].Method, all[0].Path)
	}
}

// TestUnknownRoutes_Dialect checks that an unknown route is refused in the dialect of the routes beside it.
func TestUnknownRoutes_Dialect(t *testing.T) {
	b := start(t, ollamatest.Start(t))
	for _, path := range []string{"/v1/messages/batches", "/v1/messages/./x", "/v1/%6dessages", "/v1/x", "/api/x"} {
		got := b.post(t, path, `{}`)
		if messageOf(t, strings.Replace(path, "%6d", "m", 1), got.Body); got.Status != http.StatusNotFound {
			t.Errorf("%s: %d %s", path, got.Status, got.Body)
		}
	}
}

// TestWrongBaseURL checks that the error of a base URL that lacks its /v1, or has two, says so.
func TestWrongBaseURL(t *testing.T) {
	b := start(t, ollamatest.Start(t))
	for path, says := range map[string]string{
		"/chat/completions": "must end in /v1", "/responses": "must end in /v1", "/embeddings": "must end in /v1",
		"/messages": "must end in /v1", "/v1/v1/messages": "one /v1 too many", "/v1/v1/chat/completions": "one /v1 too many",
	} {
		dialect := "/v1" + path
		if strings.HasSuffix(path, "messages") {
			dialect = "/v1/messages"
		}
		if got := b.post(t, path, `{}`); got.Status != http.StatusBadRequest || !strings.Contains(messageOf(t, dialect, got.Body), says) {
			t.Errorf("%s: %d %s", path, got.Status, got.Body)
		}
	}
}

// TestToolChoice checks that the choice of a tool that was left out is left out with it, and that all others pass.
func TestToolChoice(t *testing.T) {
	upstream := ollamatest.Start(t)
	upstream.Script("tiny-chat", ollamatest.Say("hello"), ollamatest.Done("stop", 1, 1))
	b := start(t, upstream)
	const chat, responses = "/v1/chat/completions", "/v1/responses"
	for _, c := range []struct {
		path, choice string
		hosted       bool // a hosted tool is offered, too
		passes       bool
	}{
		{chat, `"required"`, true, true},
		{chat, `{"type":"function","function":{"name":"f"}}`, true, true},
		{chat, `{"type":"function","function":{"name":"web_search"}}`, true, false},
		{chat, `{"type":"custom","custom":{"name":"f"}}`, true, true},
		{chat, `{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[{"type":"function","function":{"name":"f"}}]}}`, true, true},
		{chat, `{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[{"type":"web_search"}]}}`, false, false},
		{responses, `"auto"`, false, true},
		{responses, `"web_search"`, false, false},
		{responses, `{"type":"web_search"}`, false, false},
		{responses, `{"type":"mcp","server_label":"x","name":"f"}`, false, false},
		{responses, `{"type":"function","name":"f"}`, true, true},
		{responses, `{"type":"function","name":"web_search"}`, true, false},
		{responses, `{"type":"allowed_tools","mode":"auto","tools":[{"type":"function","name":"f"}]}`, true, true},
		{responses, `{"type":"allowed_tools","mode":"auto","tools":[{"type":"function","name":"f"},{"type":"image_generation"}]}`, false, false},
		// Tools of tools mean nothing, and are not looked at, of which there may be thousands.
		{responses, strings.Repeat(`{"tools":[`, 4000) + strings.Repeat(`[],`, 100_000) + `[]` + strings.Repeat(`]}`, 4000), false, true},
	} {
		said, tools := `"input":"hi"`, `{"type":"function","name":"f"}`
		if c.path == chat {
			said, tools = hi, `{"type":"function","function":{"name":"f"}}`
		}
		if c.hosted {
			tools += `,{"type":"web_search","name":"web_search"}`
		}
		b.post(t, c.path, `{"model":"tiny-chat",`+said+`,"tools":[`+tools+`],"tool_choice":`+c.choice+`}`)
		if got := b.sent(t); strings.Contains(got, `"tool_choice":`+c.choice) != c.passes || strings.Contains(got, "tool_choice") != c.passes {
			t.Errorf("%s %s, hosted %t: sent %s", c.path, c.choice, c.hosted, got)
		}
	}
}
