package apptest_test

import (
	"bytes"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// TestTracing_Export checks that a call's span is with the collector by the time that the server has ended, and holds no
// credential.
func TestTracing_Export(t *testing.T) {
	sent := traced(t, func(a *apptest.App) {
		if _, err := a.Admin().Auth.WhoAmI(t.Context(), &paddockv1.WhoAmIRequest{}); err != nil {
			t.Error(err)
		}
	})
	for _, want := range []string{"paddock.v1.AuthService", "WhoAmI", "service.name"} {
		if !bytes.Contains(sent, []byte(want)) {
			t.Errorf("no span says %q", want)
		}
	}
	if bytes.Contains(sent, []byte("pdk_")) {
		t.Error("a span holds the API key")
	}
}

// TestTracing_CallersTraceparent checks that a caller decides neither the id of our traces nor whether they are kept.
func TestTracing_CallersTraceparent(t *testing.T) {
	const trace, span = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	sent := traced(t, func(a *apptest.App) {
		for _, sampled := range []string{"00", "01"} {
			header := apptest.WithHeader("Traceparent", "00-"+trace+"-"+span+"-"+sampled)
			state := apptest.WithHeader("Tracestate", "vendor=anything-at-all")
			if _, err := a.As(a.AdminKey, header, state).Auth.WhoAmI(t.Context(), &paddockv1.WhoAmIRequest{}); err != nil {
				t.Error(err)
			}
		}
	})
	// In OTLP a link begins with both ids as fields 1 and 2; a span names its parent in field 4.
	link, err := hex.DecodeString("0a10" + trace + "1208" + span)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(sent, []byte("anything-at-all")) {
		t.Error("a span holds what the caller says of its trace")
	}
	parent := append([]byte{4<<3 | 2, 8}, link[len(link)-8:]...)
	if n := bytes.Count(sent, link); n != 2 || bytes.Contains(sent, parent) {
		t.Errorf("of 2 calls %d are linked to the caller's trace, or one continues it", n)
	}
}

// TestTracing_ModelCalls checks that the spans of a model call are one tree, which tells where its time went, and hold nothing of
// what was said, and by whom.
func TestTracing_ModelCalls(t *testing.T) {
	const prompt = "a question that stays between the two of us"
	for name, call := range map[string]func(*testing.T, *apptest.App, *apptest.Person){
		"POST /v1/chat/completions": func(t *testing.T, a *apptest.App, p *apptest.Person) {
			body := `{"model":"tiny-chat","stream":true,"messages":[{"role":"user","content":"` + prompt + `"}]}`
			if got := send(t, http.MethodPost, a.URL+"/v1/chat/completions", bearerOf(p.Key), body); got.StatusCode != http.StatusOK {
				t.Error(got.body)
			}
		},
		"POST /paddock.v1.OllamaService/Chat": func(t *testing.T, a *apptest.App, p *apptest.Person) {
			said := []*paddockv1.ChatMessage{{Role: "user", Content: prompt}}
			stream, err := a.As(p.Key).Ollama.Chat(t.Context(), &paddockv1.ChatRequest{Model: "tiny-chat", Messages: said})
			must(t, err)
			for stream.Receive() {
			}
			must(t, stream.Err())
		},
	} {
		t.Run(path.Base(name), func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, database string) {
				var p *apptest.Person
				sent := tracedOn(t, database, "gen_ai_latest_experimental", func(a *apptest.App) {
					p = a.NewPerson(t, "user")
					call(t, a, p)
				})
				tree := treeOf(t, sent, name)
				for _, want := range [][]string{
					{"paddock.request_id", "user.id=" + p.GetId(), "http.response.status_code=200"},
					{"reserve"},
					{"queue"},
					{"SELECT credentials", "db.system.name=", "db.query.text=", "WHERE x.key_id "},
					{
						"chat tiny-chat:latest", "gen_ai.operation.name=chat", "gen_ai.provider.name=ollama", "gen_ai.request.model=tiny-chat:latest",
						"gen_ai.response.model=tiny-chat:latest", "gen_ai.usage.input_tokens=", "gen_ai.usage.output_tokens=27",
						"gen_ai.response.finish_reasons=stop", "gen_ai.response.time_to_first_chunk", "server.address=127.0.0.1", "server.port=",
					},
					{"http.request.method=POST", "url.template=/", "server.port=", "http.response.status_code=200", "kind=CLIENT"},
				} {
					if !slices.ContainsFunc(tree, func(span string) bool { return containsAll(span, want) }) {
						t.Errorf("no span with all of %q in\n%s", want, strings.Join(tree, "\n"))
					}
				}
				for what, text := range map[string]string{
					"prompt": prompt, "answer": ollamatest.ChatAnswer[:9], "key": p.Key[4:], "e-mail address": p.GetEmail(), "domain": "@example.com",
				} {
					if bytes.Contains(sent, []byte(text)) {
						t.Errorf("the %s is in the spans", what)
					}
				}
			})
		})
	}
}

// TestTracing_Failures checks that spans tell which of them failed, and how.
func TestTracing_Failures(t *testing.T) {
	const chat = `{"model":"tiny-chat","messages":[{"role":"user","content":"hi"}]}`
	sent := traced(t, func(a *apptest.App) {
		send(t, http.MethodPost, a.URL+"/api/show", bearerOf(a.AdminKey), `{"model":"tiny-chat"}`) // the server's list is known
		a.Upstream.Script("tiny-chat", ollamatest.Say("half of"), ollamatest.Cut())
		send(t, http.MethodPost, a.URL+"/api/chat", bearerOf(a.AdminKey), chat)
		a.Upstream.Stop()
		send(t, http.MethodPost, a.URL+"/v1/messages", bearerOf(a.AdminKey), `{"model":"tiny-chat","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}`)
		a.Upstream.Resume(t)
		send(t, http.MethodPost, a.URL+"/api/generate", nil, chat)
	})
	for root, want := range map[string][][]string{
		"POST /api/chat":     {{"kind=SERVER", "error.type=unavailable", "status=ERROR"}, {"kind=CLIENT", "error.type=broken_off", "status=ERROR"}},
		"POST /v1/messages":  {{"kind=SERVER", "error.type=unavailable", "status=ERROR"}, {"kind=CLIENT", "error.type=unreachable", "status=ERROR"}},
		"POST /api/generate": {{"kind=SERVER", "error.type=unauthenticated", "status=UNSET"}},
	} {
		tree := treeOf(t, sent, root)
		for _, parts := range want {
			if !slices.ContainsFunc(tree, func(span string) bool { return containsAll(span, parts) }) {
				t.Errorf("%s: no span with all of %q in\n%s", root, parts, strings.Join(tree, "\n"))
			}
		}
	}
}

// TestTracing_WithoutOptIn checks that the experimental conventions are followed for those alone who ask for them.
func TestTracing_WithoutOptIn(t *testing.T) {
	sent := traced(t, func(a *apptest.App) {
		send(t, http.MethodPost, a.URL+"/api/chat", bearerOf(a.AdminKey), `{"model":"tiny-chat","messages":[{"role":"user","content":"hi"}]}`)
	})
	if bytes.Contains(sent, []byte("gen_ai.")) {
		t.Error("a span has attributes of gen_ai")
	}
	if tree := treeOf(t, sent, "POST /api/chat"); len(tree) < 4 {
		t.Errorf("spans: %q", tree)
	}
}

func containsAll(s string, parts []string) bool {
	return !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(s, part) })
}

// treeOf returns the spans of the one trace whose root has the name, as text. Each other must have its parent among them.
func treeOf(t *testing.T, sent []byte, name string) (tree []string) {
	t.Helper()
	all := spansOf(t, sent)
	root := rootOf(t, all, name)
	ids := map[string]bool{"": true}
	for _, s := range all {
		ids[string(s.SpanId)] = true
	}
	for _, s := range all {
		if !bytes.Equal(s.TraceId, root.TraceId) {
			continue
		}
		text := s.Name + " kind=" + strings.TrimPrefix(s.Kind.String(), "SPAN_KIND_") +
			" status=" + strings.TrimPrefix(s.Status.GetCode().String(), "STATUS_CODE_")
		for _, a := range s.Attributes {
			value := a.Value.GetStringValue() + strings.Join(listOf(a.Value), ",")
			if n, ok := a.Value.Value.(*commonpb.AnyValue_IntValue); ok {
				value = strconv.FormatInt(n.IntValue, 10)
			}
			text += " " + a.Key + "=" + value
		}
		if tree = append(tree, text); !ids[string(s.ParentSpanId)] || (len(s.ParentSpanId) == 0) != (s == root) {
			t.Errorf("%s is not in the tree", text)
		}
	}
	return tree
}

func spansOf(t *testing.T, sent []byte) (all []*tracepb.Span) {
	t.Helper()
	var export coltracepb.ExportTraceServiceRequest
	must(t, proto.Unmarshal(sent, &export)) // requests on end are one with all of their spans
	for _, resource := range export.ResourceSpans {
		for _, scope := range resource.ScopeSpans {
			all = append(all, scope.Spans...)
		}
	}
	return all
}

func rootOf(t *testing.T, all []*tracepb.Span, name string) *tracepb.Span {
	t.Helper()
	at := slices.IndexFunc(all, func(s *tracepb.Span) bool { return s.Name == name && len(s.ParentSpanId) == 0 })
	if at < 0 {
		t.Fatalf("no root %q among %d spans", name, len(all))
	}
	return all[at]
}

func listOf(v *commonpb.AnyValue) (all []string) {
	for _, one := range v.GetArrayValue().GetValues() {
		all = append(all, one.GetStringValue())
	}
	return all
}

// traced returns what a server that calls does has sent to the collector by its end.
func traced(t *testing.T, calls func(*apptest.App)) []byte {
	t.Helper()
	return tracedOn(t, storetest.SQLite(t), "", calls)
}

func tracedOn(t *testing.T, database, optIn string, calls func(*apptest.App)) []byte {
	t.Helper()
	var mu sync.Mutex
	var sent bytes.Buffer
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if r.URL.Path != "/v1/traces" {
			t.Errorf("the collector was asked for %s", r.URL.Path)
		}
		_, _ = io.Copy(&sent, r.Body)
	}))
	defer collector.Close()
	// The exporter reads the process's own environment.
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	a := apptest.Start(t, database, apptest.Env{"OTEL_EXPORTER_OTLP_ENDPOINT": collector.URL, "OTEL_SEMCONV_STABILITY_OPT_IN": optIn})
	calls(a)
	if err := a.Stop(); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	return sent.Bytes()
}
