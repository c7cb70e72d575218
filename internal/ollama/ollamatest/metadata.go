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

func heartbeat(x *exchange) {
	x.header(http.StatusOK, "text/plain; charset=utf-8")
	_, _ = x.w.Write([]byte("Ollama is running"))
}

func version(x *exchange) { x.json(http.StatusOK, map[string]string{"version": "0.17.4"}) }
func tags(x *exchange)    { x.json(http.StatusOK, recordedTags) }
func ps(x *exchange)      { x.json(http.StatusOK, recordedPs) }

func show(x *exchange) {
	var request struct{ Model string }
	if refused := x.decode(&request); refused != nil {
		x.refuseUnread(refused)
		return
	}
	name := shortName(request.Model)
	model, isChat := chatModels[name]
	switch {
	case request.Model == "":
		x.refuse(http.StatusBadRequest, "model is required")
	case name == embedModel:
		x.json(http.StatusOK, recordedShowEmbed)
	case !isChat:
		x.refuse(http.StatusNotFound, fmt.Sprintf("model '%s' not found", request.Model))
	default:
		x.json(http.StatusOK, withCapabilities(recordedShowChat, model.capabilities))
	}
}

func withCapabilities(recorded json.RawMessage, capabilities []string) map[string]any {
	var shown map[string]any
	if err := json.Unmarshal(recorded, &shown); err != nil {
		panic(err)
	}
	shown["capabilities"] = capabilities
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
