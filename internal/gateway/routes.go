package gateway

import (
	"net/http"
	"strings"

	"connectrpc.com/connect"
)

// maxName is the largest body of a question about a model, bytes.
const maxName = 16 << 10

// Route is what a client may ask for, and what the door before it has to know.
type Route struct {
	Method  string // "" is every other one, which is refused
	Pattern string // of net/http.ServeMux, without the method
	Dialect Dialect
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
	get := func(pattern string, d Dialect, next answering) Route {
		return Route{http.MethodGet, pattern, d, false, false, 0, g.handle(d, next)}
	}
	var misled []Route // by a base URL that is not quite right
	table := []Route{
		model("/api/chat", ollamaChat),
		model("/api/generate", ollamaGenerate),
		model("/api/embed", ollamaEmbed),
		model("/api/embeddings", ollamaEmbeddings),
		{http.MethodPost, "/api/show", Ollama, false, false, maxName, g.handle(Ollama, g.show)},
		get("/api/tags", Ollama, g.tags),
		get("/api/ps", Ollama, g.running),
		{http.MethodGet, "/api/version", Ollama, true, false, 0, g.handle(Ollama, g.version)},

		model("/v1/chat/completions", openAIChat),
		model("/v1/completions", openAICompletions),
		model("/v1/embeddings", openAIEmbeddings),
		model("/v1/responses", openAIResponses),
		get("/v1/models", OpenAI, g.listModels),
		get("/v1/models/{id...}", OpenAI, g.getModel),

		model("/v1/messages", anthropicMessages),
		{http.MethodPost, "/v1/messages/count_tokens", Anthropic, false, false, g.options.MaxBody, g.handle(Anthropic, g.countTokens)},
	}
	for _, r := range table {
		if under, ok := strings.CutPrefix(r.Pattern, "/v1/"); ok && r.Method == http.MethodPost {
			misled = append(misled, Route{r.Method, "/" + under, r.Dialect, true, false, 0, refuse(r.Dialect, errNoVersion)})
		}
		table = append(table, Route{"", r.Pattern, r.Dialect, true, false, 0, notAllowed(r)})
	}
	return append(append(table, misled...),
		Route{"", "/v1/v1/", OpenAI, true, false, 0, refuse(OpenAI, errTwoVersions)},
		Route{"", "/v1/v1/messages", Anthropic, true, false, 0, refuse(Anthropic, errTwoVersions)},
		Route{"", "/api", Ollama, true, false, 0, notFound(Ollama)},
		Route{"", "/api/", Ollama, true, false, 0, notFound(Ollama)},
		Route{"", "/v1", OpenAI, true, false, 0, notFound(OpenAI)},
		Route{"", "/v1/", OpenAI, true, false, 0, notFound(OpenAI)},
		Route{"", "/v1/messages/", Anthropic, true, false, 0, notFound(Anthropic)},
	)
}

func notAllowed(route Route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Allow", route.Method)
		status := http.StatusMethodNotAllowed
		writeJSON(w, route.Dialect, status, route.Dialect.errorBody(r.Context(), status, "", "method not allowed"))
	}
}

func notFound(d Dialect) http.HandlerFunc { return refuse(d, errNotFound) }

func refuse(d Dialect, err *connect.Error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { WriteError(w, r, d, err) }
}
