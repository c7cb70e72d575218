package gateway

import (
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"connectrpc.com/connect"

	"github.com/paddock-gate/paddock/internal/caller"
	"github.com/paddock-gate/paddock/internal/fault"
	"github.com/paddock-gate/paddock/internal/ollama"
)

// The fields of what Ollama tells about models that callers see: none of them names a place on the server.
var (
	tagFields  = []string{"name", "model", "modified_at", "size", "digest", "details", "expires_at", "size_vram", "context_length"}
	showFields = []string{
		"license", "modelfile", "parameters", "template", "system", "details", "messages", "model_info", "projector_info",
		"tensors", "capabilities", "modified_at", "requires",
	}
	detailFields = []string{"parent_model", "format", "family", "families", "parameter_size", "quantization_level"}
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
	return g.write(w, Ollama, struct {
		Version string `json:"version"`
	}{v})
}

func (g *Gateway) write(w http.ResponseWriter, d Dialect, value any) error {
	b, err := json.Marshal(value)
	if err != nil {
		return err
	}
	if d == OpenAI {
		b = append(b, '\n') // as Ollama has it
	}
	writeJSON(w, d, http.StatusOK, b)
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
	for i, m := range models {
		told, err := only(tagFields, m.Raw)
		if err != nil {
			return err
		}
		if err := cleanDetails(told); err != nil {
			return err
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = appendObject(b, told)
	}
	writeJSON(w, Ollama, http.StatusOK, append(b, "]}"...))
	return nil
}

// only gives those members of an object that are listed.
func only(keys []string, object []byte) ([]member, error) {
	all, err := members(object)
	if err != nil {
		return nil, ollama.ErrNonsense
	}
	return slices.DeleteFunc(all, func(m member) bool { return !slices.Contains(keys, m.key) }), nil
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
	return g.write(w, OpenAI, struct {
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
	if !caller.From(r.Context()).MayUse(name) {
		return fault.ErrModelNotAllowed
	}
	all, err := g.upstream.Tags(r.Context())
	if err != nil {
		return err
	}
	for _, m := range all {
		if m.Name == name {
			found := toOpenAI(m)
			found.ID = asked // as Ollama has it
			return g.write(w, OpenAI, found)
		}
	}
	return fault.New(connect.CodeNotFound, fault.ModelNotFound, "model '"+asked+"' not found")
}

var showCall = &modelCall{
	dialect: Ollama, path: "api/show",
	fields: fields{
		"model": {be: text, use: theModel},
		"name":  {be: text, use: theModel}, // its name of old
	},
}

// maxShow bounds what Ollama shows of a model, which is mostly its tensors. Its whole vocabulary nobody is shown.
const maxShow = 4 << 20

// show is about a model, but none works for it.
func (g *Gateway) show(w http.ResponseWriter, r *http.Request) error {
	q, err := g.admit(r, showCall)
	if err != nil {
		return err
	}
	answer, err := g.upstream.Relay(r.Context(), ollama.Relay{
		Turn: ollama.Turn{User: caller.From(r.Context()).UserID.String()}, Path: showCall.path, Model: q.model, Body: q.encode(0),
	})
	if err != nil {
		return err
	}
	defer answer.Close()
	if answer.Status != http.StatusOK {
		return passRefusal(r.Context(), w, showCall.dialect, answer)
	}
	body, err := io.ReadAll(io.LimitReader(answer, maxShow))
	if err != nil {
		return err
	}
	shown, err := withoutPaths(body, q.model)
	if err != nil {
		return err
	}
	writeJSON(w, Ollama, http.StatusOK, shown)
	return nil
}

// withoutPaths leaves out of what Ollama shows of a model where its files are.
func withoutPaths(body []byte, model string) ([]byte, error) {
	all, err := only(showFields, body)
	if err != nil {
		return nil, err
	}
	for i, m := range all {
		if m.key == "modelfile" {
			named := filePath.ReplaceAllString(unquote(m.value), "$1 "+model)
			all[i].value, _ = json.Marshal(named) // a string always marshals
		}
	}
	if err := cleanDetails(all); err != nil {
		return nil, err
	}
	return appendObject(nil, all), nil
}

// cleanDetails leaves out of the details among a model's members where its parent's file is, and what is not known.
func cleanDetails(model []member) error {
	at := slices.IndexFunc(model, func(m member) bool { return m.key == "details" && string(m.value) != "null" })
	if at < 0 {
		return nil
	}
	details, err := only(detailFields, model[at].value)
	if err != nil {
		return err
	}
	for i, d := range details {
		if d.key == "parent_model" && isPath(d.value) {
			details[i].value = []byte(`""`)
		}
	}
	model[at].value = appendObject(nil, details)
	return nil
}

// filePath matches the lines of a Modelfile that name a file in the place of a model: by an absolute path or one that looks
// relative, or as a blob below a relative OLLAMA_MODELS.
var filePath = regexp.MustCompile(`(?mi)^(FROM|ADAPTER) +"?(?:[/~.\\]|[a-z]:\\|.*[/\\]blobs[/\\]+sha256-).*$`)

// isPath tells whether a quoted name is that of a file.
func isPath(quoted []byte) bool { return filePath.Match(append([]byte("FROM "), quoted...)) }
