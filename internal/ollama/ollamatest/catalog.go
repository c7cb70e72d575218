package ollamatest

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
)

// Model is one that a server has besides the tiny ones.
type Model struct {
	Name         string   // "gpt-oss:20b-cloud"
	Like         string   // the tiny model that it answers as; tiny-chat where it is ""
	Capabilities []string // those of that model where there are none
	Family       string   // likewise
	// RemoteModel and RemoteHost are of a model that the server does not run
	// itself: "gpt-oss:20b" at "https://ollama.com:443".
	RemoteModel, RemoteHost string
}

// CloudModels are models of ollama.com in every spelling that runs there, and one
// of them that was copied to a name that does not tell.
func CloudModels() []Model {
	const host = "https://ollama.com:443"
	can := []string{"completion", "tools", "thinking"}
	return []Model{
		{"gpt-oss:20b-cloud", agentModel, can, "gptoss", "gpt-oss:20b", host},
		{"gpt-oss:20b:cloud", agentModel, can, "gptoss", "gpt-oss:20b", host},
		{"kimi-k2:cloud", agentModel, can, "kimi", "kimi-k2", host},
		{"house-model:latest", agentModel, can, "gptoss", "gpt-oss:120b", host},
	}
}

// Add adds a model to the list, and makes the server answer for it.
func (s *Server) Add(m Model) {
	m.Like = cmp.Or(m.Like, "tiny-chat")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.added = append(s.added, m)
}

// AddEntry adds an entry to the list of models that may be of any kind, such as
// one that no model has: null, or {"name":5}.
func (s *Server) AddEntry(entry string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entries = append(s.entries, json.RawMessage(entry))
}

// Newer makes the server one of 0.33: its list and what it shows of a model have
// more fields, it decodes zstd on every route under /v1 that takes a body, and
// it runs models of the cloud that it does not have.
func (s *Server) Newer() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.newer = true
}

func (s *Server) isNewer() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.newer
}

// knownModel is a model that the server has, by the tiny one that it answers as.
type knownModel struct {
	chatModel // zero where it embeds
	tiny      string
	embeds    bool
	added     Model // zero where it is a tiny model itself
}

// model returns the model of a name in any spelling.
func (s *Server) model(asked string) (knownModel, bool) {
	name := shortName(asked)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.added {
		if shortName(m.Name) == name {
			known, _ := tinyModel(m.Like)
			if m.Capabilities != nil {
				known.capabilities = m.Capabilities
			}
			known.added = m
			return known, true
		}
	}
	if base, ok := cloudName(name); ok && s.newer {
		known, _ := tinyModel("tiny-chat")
		known.added = Model{Name: asked, RemoteModel: base, RemoteHost: "https://ollama.com:443"}
		return known, true
	}
	return tinyModel(name)
}

func tinyModel(name string) (knownModel, bool) {
	chat, chats := chatModels[name]
	embeds := name == embedModel
	if embeds {
		chat.capabilities = []string{"embedding"}
	}
	return knownModel{chatModel: chat, tiny: name, embeds: embeds}, chats || embeds
}

// cloudName returns what a model is called at ollama.com whose name says that it
// runs there, as newer servers read it.
func cloudName(name string) (base string, ok bool) {
	i := strings.LastIndex(name, ":")
	if i < 0 {
		return "", false
	}
	base, tag := name[:i], name[i+1:]
	if tag == "cloud" {
		return base, true
	}
	tag, ok = strings.CutSuffix(tag, "-cloud")
	return base + ":" + tag, ok
}

// validName reports whether 0.17.4 takes a name for one at all.
func validName(name string) bool {
	_, after, _ := strings.Cut(name, "://")
	name = cmp.Or(after, name)
	last := name[strings.LastIndex(name, "/")+1:]
	return last != "" && strings.Count(last, ":") < 2 && strings.Count(name, "/") < 3
}

// listEntry is a model in the list, with its keys in the order of a real server.
type listEntry struct {
	Name         string          `json:"name"`
	Model        string          `json:"model"`
	RemoteModel  string          `json:"remote_model,omitempty"`
	RemoteHost   string          `json:"remote_host,omitempty"`
	ModifiedAt   json.RawMessage `json:"modified_at"`
	Size         int64           `json:"size"`
	Digest       string          `json:"digest"`
	Details      details         `json:"details"`
	Capabilities []string        `json:"capabilities,omitempty"`
}

type details struct {
	ParentModel       string   `json:"parent_model"`
	Format            string   `json:"format"`
	Family            string   `json:"family"`
	Families          []string `json:"families"`
	ParameterSize     string   `json:"parameter_size"`
	QuantizationLevel string   `json:"quantization_level"`
	ContextLength     int      `json:"context_length,omitempty"`
	EmbeddingLength   int      `json:"embedding_length,omitempty"`
}

// list returns the models that a real server was recorded to have, tiny-agent, and
// those that were added.
func (s *Server) list() []listEntry {
	var recorded struct{ Models []listEntry }
	if err := json.Unmarshal(recordedTags, &recorded); err != nil {
		panic(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	all := recorded.Models
	byName := map[string]listEntry{}
	for _, e := range all {
		byName[shortName(e.Name)] = e
	}
	for _, m := range append([]Model{{Name: agentModel + ":latest", Like: toolsModel}}, s.added...) {
		e := m.entry(byName[m.Like])
		all, byName[shortName(m.Name)] = append(all, e), e
	}
	if s.newer {
		for i := range all {
			all[i].Capabilities, all[i].Details.ContextLength, all[i].Details.EmbeddingLength = s.newFields(all[i].Name)
		}
	}
	return all
}

// newFields are those of an entry that newer servers have. s.mu must be held.
func (s *Server) newFields(name string) (capabilities []string, context, length int) {
	tiny := shortName(name)
	var own []string
	for _, m := range s.added {
		if m.Name == name {
			tiny, own = m.Like, m.Capabilities
		}
	}
	known, _ := tinyModel(tiny)
	if own == nil {
		own = known.capabilities
	}
	if known.embeds {
		return own, embedContext, embedDimensions
	}
	return own, chatContext, chatDimensions
}

// entry returns m as an entry of the list, like another.
func (m Model) entry(like listEntry) listEntry {
	digest := sha256.Sum256([]byte(m.Name))
	like.Name, like.Model, like.Digest = m.Name, m.Name, hex.EncodeToString(digest[:])
	if m.Family != "" {
		like.Details.Family, like.Details.Families = m.Family, []string{m.Family}
	}
	if m.RemoteHost != "" {
		like.RemoteModel, like.RemoteHost, like.Size = m.RemoteModel, m.RemoteHost, 381
		like.Details.Format, like.Details.ParameterSize, like.Details.QuantizationLevel = "", "", ""
	}
	return like
}
