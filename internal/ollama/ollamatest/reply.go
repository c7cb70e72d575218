package ollamatest

import (
	"fmt"
	"math"
	"net/http"
	"strings"
)

// reply answers a request to a model, in whatever dialect.
func reply(x *exchange) {
	a := x.read()
	if a.refused != nil {
		x.refuseUnread(a.refused)
		return
	}
	r := a.request
	model, ok := x.admit(r)
	if !ok {
		return
	}
	if r.empty() {
		x.only("load")
		return
	}
	prompt, err := render(r, model.chatModel)
	if err != nil {
		x.refuse(http.StatusInternalServerError, err.Error())
		return
	}
	promptTokens := tokens(prompt)
	if promptTokens > chatContext && r.Truncate != nil && !*r.Truncate {
		x.refuse(http.StatusBadRequest, "the input length exceeds the context length")
		return
	}
	x.generate(&generation{
		chain: x.server.words(model.tiny, r, prompt),
		limit: limit(r.Options), stops: stopsOf(r.Options),
	}, min(promptTokens, chatContext))
}

// generate says what is generated.
func (x *exchange) generate(g *generation, promptTokens int) {
	r := x.read().request
	for p := range g.pieces {
		said := part{text: p.text, thinking: p.thinking, calls: p.calls}
		if r.Logprobs {
			said.logprobs = logprobs(p, r.TopLogprobs)
		}
		if x.wait(p.after) != nil || x.say(said) != nil {
			return
		}
	}
	if g.reason != "" {
		_ = x.say(part{text: g.rest, done: true, reason: g.reason, promptTokens: promptTokens, tokens: g.tokens})
	}
}

// only says that a model was loaded or unloaded, and nothing else.
func (x *exchange) only(reason string) {
	a, done := x.read(), part{done: true, reason: reason}
	if _, native := a.dialect.(*nativeAnswer); !native && a.request.streams() {
		_ = a.dialect.part(done)
		return
	}
	a.dialect.whole(done)
}

// admit returns the model that is asked, or refuses the request, looking at it in
// the order in which a real server does.
func (x *exchange) admit(r *chatRequest) (knownModel, bool) {
	model, known := x.server.model(r.Model)
	switch {
	case r.TopLogprobs < 0 || r.TopLogprobs > 20:
		x.refuse(http.StatusBadRequest, "top_logprobs must be between 0 and 20")
	case !known && !r.generates && !validName(r.Model):
		x.refuse(http.StatusBadRequest, "model is required")
	case !known:
		x.refuse(http.StatusNotFound, fmt.Sprintf("model '%s' not found", r.Model))
	case r.empty() && r.KeepAlive != nil && *r.KeepAlive == 0:
		x.only("unload")
	case r.Raw && (r.Template != "" || r.System != "" || len(r.Context) > 0):
		x.refuse(http.StatusBadRequest, "raw mode does not support template, system, or context")
	default:
		if x.pace == 0 {
			x.pace = model.pace
		}
		return model, x.capable(r, model) && x.takesOptions(r)
	}
	return model, false
}

// capable refuses what the model cannot do.
func (x *exchange) capable(r *chatRequest, model knownModel) bool {
	cannot := func(what string) {
		name := model.tiny
		if model.added.Name != "" {
			name = model.added.Name
		}
		if !strings.Contains(name, ":") {
			name += ":latest"
		}
		x.refuse(http.StatusBadRequest, fmt.Sprintf("registry.ollama.ai/library/%s does not support %s", name, what))
	}
	switch thinks := r.Think != nil && r.Think.on; {
	case thinks && !model.can("thinking") && !r.relaxesThink && (r.Think.level == "" || !r.generates):
		x.refuse(http.StatusBadRequest, fmt.Sprintf("%q does not support thinking", r.Model))
	case model.embeds && r.generates:
		x.refuse(http.StatusBadRequest, fmt.Sprintf("%q does not support generate", r.Model))
	case model.embeds:
		x.refuse(http.StatusBadRequest, fmt.Sprintf("%q does not support chat", r.Model))
	case r.Suffix != "" && !model.can("insert"):
		cannot("insert")
	case len(r.Tools) > 0 && !model.can("tools"):
		cannot("tools")
	case thinks && r.Think.level != "":
		x.refuse(http.StatusBadRequest, fmt.Sprintf("think value %q is not supported for this model", r.Think.level))
	default:
		return true
	}
	return false
}

// takesOptions refuses options and formats that are none.
func (x *exchange) takesOptions(r *chatRequest) bool {
	for _, name := range []string{"num_predict", "num_ctx", "seed", "top_k"} {
		value, given := r.Options[name]
		number, ok := value.(float64)
		if given && (!ok || number != math.Trunc(number)) {
			x.refuse(http.StatusInternalServerError, fmt.Sprintf("option %q must be of type integer", name))
			return false
		}
	}
	if err := checkFormat(r.Format); err != nil {
		x.refuseStream(http.StatusInternalServerError, err.Error(), r.streams())
		return false
	}
	return true
}

func limit(options map[string]any) int {
	limit, _ := options["num_predict"].(float64)
	return int(limit)
}

func stopsOf(options map[string]any) []string {
	list, _ := inputs(options["stop"])
	return list
}

// say writes a part of an answer when it is due: at once where the answer is a
// stream, else with the whole.
func (x *exchange) say(p part) error {
	if !p.done || x.read().request.streams() {
		if err := x.wait(x.pace); err != nil {
			return err
		}
	}
	if x.read().request.streams() {
		err := x.read().dialect.part(p)
		x.whole = p.done && err == nil
		return err
	}
	x.said.add(p)
	x.kept = !p.done
	if p.done {
		x.read().dialect.whole(x.said)
		x.whole = true
	}
	return nil
}

// finish writes what was said where that was kept for a whole that never came.
func (x *exchange) finish() {
	if x.kept && x.r.Context().Err() == nil {
		x.read().dialect.whole(x.said)
	}
}
