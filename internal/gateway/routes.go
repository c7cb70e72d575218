package gateway

import (
	"net/http"
	"strings"

	"connectrpc.com/connect"

	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/dialect"
)

var (
	errNotFound = apierr.New(connect.CodeNotFound, apierr.NotFoundReason, "Paddock does not serve this path")
	// Base URLs that are not quite right. Claude Code takes every 404 for a model that is not there.
	errNoVersion   = apierr.Invalid("", "the client's base URL must end in /v1")
	errTwoVersions = apierr.Invalid("", "the client's base URL has one /v1 too many")
)

// maxName is the largest body of a question about a model, bytes.
const maxName = 16 << 10

// Route is what a client may ask for, and what the door before it has to know.
type Route struct {
	Method  string // "" is every other one, which is refused
	Pattern string // of net/http.ServeMux, without the method
	Dialect dialect.Dialect
	Public  bool  // needs no credential; all others need the role user or admin, and count against limits
	Model   bool  // a model works for it, and its answer may be a stream
	MaxBody int64 // bytes; 0: it has none, and what comes is not read
	Handler http.Handler
}

// Routes is all that there is. What is not in it does not exist, however it is spelled.
func (g *Gateway) Routes() []Route {
	model := func(pattern string, call *modelCall) Route {
		return Route{http.MethodPost, pattern, call.dialect, false, true, g.options.MaxBody, g.model(call)}
	}
	get := func(pattern string, d dialect.Dialect, next answering) Route {
		return Route{http.MethodGet, pattern, d, false, false, 0, g.handle(d, next)}
	}
	var misled []Route // by a base URL that is not quite right
	table := []Route{
		model("/api/chat", ollamaChat),
		model("/api/generate", ollamaGenerate),
		model("/api/embed", ollamaEmbed),
		model("/api/embeddings", ollamaEmbeddings),
		{http.MethodPost, "/api/show", dialect.Ollama, false, false, maxName, g.handle(dialect.Ollama, g.show)},
		get("/api/tags", dialect.Ollama, g.tags),
		get("/api/ps", dialect.Ollama, g.running),
		{http.MethodGet, "/api/version", dialect.Ollama, true, false, 0, g.handle(dialect.Ollama, g.version)},

		model("/v1/chat/completions", openAIChat),
		model("/v1/completions", openAICompletions),
		model("/v1/embeddings", openAIEmbeddings),
		model("/v1/responses", openAIResponses),
		get("/v1/models", dialect.OpenAI, g.listModels),
		get("/v1/models/{id...}", dialect.OpenAI, g.getModel),

		model("/v1/messages", anthropicMessages),
		{http.MethodPost, "/v1/messages/count_tokens", dialect.Anthropic, false, false, g.options.MaxBody, g.handle(dialect.Anthropic, g.countTokens)},
	}
	for _, r := range table {
		if under, ok := strings.CutPrefix(r.Pattern, "/v1/"); ok && r.Method == http.MethodPost {
			misled = append(misled, Route{r.Method, "/" + under, r.Dialect, true, false, 0, refuse(r.Dialect, errNoVersion)})
		}
		table = append(table, Route{"", r.Pattern, r.Dialect, true, false, 0, notAllowed(r)})
	}
	return append(append(table, misled...),
		Route{"", "/v1/v1/", dialect.OpenAI, true, false, 0, refuse(dialect.OpenAI, errTwoVersions)},
		Route{"", "/v1/v1/messages", dialect.Anthropic, true, false, 0, refuse(dialect.Anthropic, errTwoVersions)},
		Route{"", "/api", dialect.Ollama, true, false, 0, notFound(dialect.Ollama)},
		Route{"", "/api/", dialect.Ollama, true, false, 0, notFound(dialect.Ollama)},
		Route{"", "/v1", dialect.OpenAI, true, false, 0, notFound(dialect.OpenAI)},
		Route{"", "/v1/", dialect.OpenAI, true, false, 0, notFound(dialect.OpenAI)},
		Route{"", "/v1/messages/", dialect.Anthropic, true, false, 0, notFound(dialect.Anthropic)},
	)
}

func notAllowed(route Route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Allow", route.Method)
		status := http.StatusMethodNotAllowed
		route.Dialect.WriteJSON(w, status, route.Dialect.ErrorBody(r.Context(), status, "", "method not allowed"))
	}
}

func notFound(d dialect.Dialect) http.HandlerFunc { return refuse(d, errNotFound) }

func refuse(d dialect.Dialect, err *connect.Error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { d.WriteError(w, r, err) }
}
