package ollamatest

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// Answers of a real server.
var (
	//go:embed recorded/tags.json
	recordedTags json.RawMessage
	//go:embed recorded/ps.json
	recordedPs json.RawMessage
	//go:embed recorded/show-chat.json
	recordedShowChat json.RawMessage
	//go:embed recorded/show-embed.json
	recordedShowEmbed json.RawMessage
)

// Versions that the server says it has: that of the recorded answers, and of a
// newer one.
const (
	Version      = "0.17.4"
	NewerVersion = "0.33.0"
)

func heartbeat(x *exchange) {
	x.header(http.StatusOK, "text/plain; charset=utf-8")
	_, _ = x.w.Write([]byte("Ollama is running"))
}

func version(x *exchange) {
	number := Version
	if x.server.isNewer() {
		number = NewerVersion
	}
	x.json(http.StatusOK, map[string]string{"version": number})
}

func ps(x *exchange) { x.json(http.StatusOK, recordedPs) }

func tags(x *exchange) {
	var models []any
	for _, e := range x.server.list() {
		models = append(models, e)
	}
	x.server.mu.Lock()
	for _, e := range x.server.entries {
		models = append(models, e)
	}
	x.server.mu.Unlock()
	x.json(http.StatusOK, struct {
		Models []any `json:"models"`
	}{models})
}

func show(x *exchange) {
	var request struct{ Model, Name string }
	if refused := x.decode(&request); refused != nil {
		x.refuseUnread(refused)
		return
	}
	if request.Model == "" {
		request.Model = request.Name
	}
	model, known := x.server.model(request.Model)
	switch {
	case request.Model == "":
		x.refuse(http.StatusBadRequest, "model is required")
	case !known && !validName(request.Model):
		x.refuse(http.StatusInternalServerError, "unqualified name: registry.ollama.ai/library/"+request.Model)
	case !known:
		x.refuse(http.StatusNotFound, fmt.Sprintf("model '%s' not found", request.Model))
	default:
		x.json(http.StatusOK, x.server.shown(model))
	}
}

// shown is what is shown of a model.
func (s *Server) shown(m knownModel) map[string]any {
	recorded := recordedShowChat
	if m.embeds {
		recorded = recordedShowEmbed
	}
	var shown map[string]any
	if err := json.Unmarshal(recorded, &shown); err != nil {
		panic(err)
	}
	shown["capabilities"] = m.capabilities
	if s.isNewer() {
		shown["renderer"], shown["parser"], shown["requires"] = "qwen3-coder", "qwen3-coder", "0.12.0"
		if of, ok := shown["details"].(map[string]any); ok {
			of["context_length"], of["embedding_length"] = chatContext, chatDimensions
		}
	}
	if m.added.RemoteHost != "" {
		shown["remote_model"], shown["remote_host"] = m.added.RemoteModel, m.added.RemoteHost
		for _, own := range []string{"modelfile", "template", "tensors", "parameters"} {
			delete(shown, own)
		}
	}
	return shown
}

// shortName is the shortest spelling of a model name. A path is left as it is.
func shortName(name string) string {
	name = strings.ToLower(name)
	if _, after, ok := strings.Cut(name, "://"); ok {
		name = after
	}
	name = strings.TrimPrefix(name, "registry.ollama.ai/")
	return strings.TrimSuffix(strings.TrimPrefix(name, "library/"), ":latest")
}
