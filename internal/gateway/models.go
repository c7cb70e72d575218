package gateway

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"connectrpc.com/connect"

	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/caller"
	"github.com/paddock-gate/paddock/internal/dialect"
	"github.com/paddock-gate/paddock/internal/ollama"
	"github.com/paddock-gate/paddock/internal/relay"
	"github.com/paddock-gate/paddock/internal/upstream"
	"github.com/paddock-gate/paddock/internal/usage"
)

// Heartbeat answers GET and HEAD / as an Ollama server does, which its clients ask for first. It is public.
func Heartbeat(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, "Ollama is running") // the client has gone
}

func (g *Gateway) version(w http.ResponseWriter, r *http.Request) error {
	v, err := g.upstream.Version(r.Context())
	if err != nil {
		return err
	}
	return g.write(w, dialect.Ollama, struct {
		Version string `json:"version"`
	}{v})
}

func (g *Gateway) write(w http.ResponseWriter, d dialect.Dialect, value any) error {
	b, err := json.Marshal(value)
	if err != nil {
		return err
	}
	if d == dialect.OpenAI {
		b = append(b, '\n') // as Ollama has it
	}
	d.WriteJSON(w, http.StatusOK, b)
	return nil
}

// usable are the models of a list that the caller may use.
func usable(r *http.Request, all []ollama.TaggedRaw) []ollama.TaggedRaw {
	c := caller.From(r.Context())
	return slices.DeleteFunc(all, func(m ollama.TaggedRaw) bool { return !c.MayUse(m.Name) })
}

func (g *Gateway) tags(w http.ResponseWriter, r *http.Request) error {
	all, err := g.upstream.Tags(r.Context())
	return g.writeModels(w, usable(r, all), err)
}

func (g *Gateway) running(w http.ResponseWriter, r *http.Request) error {
	all, err := g.upstream.Running(r.Context())
	return g.writeModels(w, usable(r, all), err)
}

func (g *Gateway) writeModels(w http.ResponseWriter, models []ollama.TaggedRaw, err error) error {
	if err != nil {
		return err
	}
	b := []byte(`{"models":[`)
	for _, m := range models {
		shown, err := withoutPaths(m.Raw, m.Name)
		if err != nil { // one that cannot be understood
			continue
		}
		if b[len(b)-1] != '[' {
			b = append(b, ',')
		}
		b = append(b, shown...)
	}
	dialect.Ollama.WriteJSON(w, http.StatusOK, append(b, "]}"...))
	return nil
}

// openAIModel is a model in OpenAI's terms.
type openAIModel struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Created int64  `json:"created"`
	OwnedBy string `json:"owned_by"`
}

// toOpenAI shows a model under the name that Ollama lists it by, whose case is not that of the canonical one.
func toOpenAI(m ollama.TaggedRaw) openAIModel {
	var tagged struct {
		Name     string
		Modified time.Time `json:"modified_at"`
	}
	_ = json.Unmarshal(m.Raw, &tagged) // Tags has read it
	owner := "library"
	if parts := strings.Split(tagged.Name, "/"); len(parts) > 1 {
		owner = parts[len(parts)-2]
	}
	return openAIModel{ID: tagged.Name, Object: "model", Created: tagged.Modified.Unix(), OwnedBy: owner}
}

func (g *Gateway) listModels(w http.ResponseWriter, r *http.Request) error {
	all, err := g.upstream.Tags(r.Context())
	if err != nil {
		return err
	}
	list := []openAIModel{}
	for _, m := range usable(r, all) {
		list = append(list, toOpenAI(m))
	}
	return g.write(w, dialect.OpenAI, struct {
		Object string        `json:"object"`
		Data   []openAIModel `json:"data"`
	}{"list", list})
}

func (g *Gateway) getModel(w http.ResponseWriter, r *http.Request) error {
	asked := r.PathValue("id")
	name, err := ollama.Canonical(asked)
	if err != nil {
		return invalid("model", "is no model name")
	}
	if err := g.models.Admit(r.Context(), name); err != nil {
		return err
	}
	all, err := g.upstream.Tags(r.Context())
	if err != nil {
		return err
	}
	for _, m := range all {
		if m.Name == name {
			found := toOpenAI(m)
			found.ID = asked // as Ollama has it
			return g.write(w, dialect.OpenAI, found)
		}
	}
	return apierr.New(connect.CodeNotFound, apierr.ModelNotFound, "model '"+asked+"' not found")
}

var showCall = &modelCall{
	dialect: dialect.Ollama, path: "api/show",
	fields: fields{
		"model":   {be: text, use: theModel},
		"name":    {be: text, use: theModel}, // its name of old
		"verbose": {be: flag},
	},
}

// maxShow bounds what Ollama shows of a model, which is mostly its tensors and, when verbose, its vocabulary.
const maxShow = 32 << 20

// show is about a model, but none works for it.
func (g *Gateway) show(w http.ResponseWriter, r *http.Request) error {
	q, err := g.admit(r, showCall)
	if err != nil {
		return err
	}
	answer, err := g.upstream.Relay(r.Context(), upstream.Request{
		Turn: upstream.Turn{User: caller.From(r.Context()).UserID.String()}, Path: showCall.path, Model: q.model, Body: q.encode(0),
	})
	if err != nil {
		return err
	}
	defer answer.Close()
	if answer.Status != http.StatusOK {
		refused, err := relay.ReadRefusal(r.Context(), showCall.dialect, answer)
		if err == nil {
			refused.Write(w)
		}
		return err
	}
	body, err := io.ReadAll(io.LimitReader(answer, maxShow))
	if err != nil {
		return err
	}
	shown, err := withoutPaths(body, q.model)
	if err != nil {
		return err
	}
	dialect.Ollama.WriteJSON(w, http.StatusOK, shown)
	return nil
}

// countTokens answers how many tokens a request to Anthropic's API would have: the estimate that the ledger reserves, since no
// Ollama server counts without answering.
func (g *Gateway) countTokens(w http.ResponseWriter, r *http.Request) error {
	q, err := g.admit(r, anthropicMessages)
	if err != nil {
		return err
	}
	return g.write(w, dialect.Anthropic, struct {
		InputTokens int64 `json:"input_tokens"`
	}{usage.Estimate(q.prompt.Text)})
}
