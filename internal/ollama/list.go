package ollama

import (
	"encoding/json"
	"time"
)

// TaggedRaw is a model as a server lists it.
type TaggedRaw struct {
	Name       string          // canonical
	Raw        json.RawMessage // the object, as the server wrote it
	Remote     bool            // it runs elsewhere than on the server
	ModifiedAt time.Time       // zero in the terms of api/ps
}

// ModelList is what api/tags and api/ps answer.
type ModelList struct {
	Models []json.RawMessage `json:"models"`
}

// Tagged omits malformed entries, each of which costs only itself, and names that nobody
// can call. Of several entries of one name all are remote if one is.
func (l ModelList) Tagged() []TaggedRaw {
	list, remote := make([]TaggedRaw, 0, len(l.Models)), map[string]bool{}
	for _, raw := range l.Models {
		var model struct {
			Name        string    `json:"name"`
			ModifiedAt  timestamp `json:"modified_at"`
			RemoteHost  present   `json:"remote_host"`
			RemoteModel present   `json:"remote_model"`
		}
		if json.Unmarshal(raw, &model) != nil {
			continue
		}
		if name, ok := listedName(model.Name); ok {
			list = append(list, TaggedRaw{Name: name, Raw: raw, ModifiedAt: model.ModifiedAt.Time})
			remote[name] = remote[name] || bool(model.RemoteHost || model.RemoteModel) || IsCloudName(name)
		}
	}
	for i := range list {
		list[i].Remote = remote[list[i].Name]
	}
	return list
}

// timestamp is zero if malformed: no reason to do without the list.
type timestamp struct{ time.Time }

func (t *timestamp) UnmarshalJSON(b []byte) error {
	if t.Time.UnmarshalJSON(b) != nil {
		t.Time = time.Time{}
	}
	return nil
}

// present reports whether a field has a value other than null and "".
type present bool

func (p *present) UnmarshalJSON(b []byte) error {
	*p = string(b) != "null" && string(b) != `""`
	return nil
}

// Model is a model that a server holds.
type Model struct {
	Name          string // as the server spells it: "llama3.2:latest"
	Digest        string
	SizeBytes     int64
	Family        string // "llama"
	ParameterSize string // "3.2B"
	Quantization  string // "Q4_K_M"
	ModifiedAt    time.Time
	Remote        bool     // it runs elsewhere than on the server
	Capabilities  []string // "completion", "embedding", "tools", …; nil when the server does not list them
}

// Model returns what the server says of a model, false if that cannot be understood.
func (t TaggedRaw) Model() (Model, bool) {
	var m struct {
		Name    string `json:"name"`
		Digest  string `json:"digest"`
		Size    int64  `json:"size"`
		Details struct {
			Family            string `json:"family"`
			ParameterSize     string `json:"parameter_size"`
			QuantizationLevel string `json:"quantization_level"`
		} `json:"details"`
		Capabilities []string `json:"capabilities"`
	}
	if json.Unmarshal(t.Raw, &m) != nil {
		return Model{}, false
	}
	return Model{
		Name:          m.Name,
		Digest:        m.Digest,
		SizeBytes:     m.Size,
		Family:        m.Details.Family,
		ParameterSize: m.Details.ParameterSize,
		Quantization:  m.Details.QuantizationLevel,
		ModifiedAt:    t.ModifiedAt,
		Remote:        t.Remote,
		Capabilities:  m.Capabilities,
	}, true
}
