package ollama

import (
	"context"
	"encoding/json"
	"slices"
	"time"
)

// Model is a model that an upstream holds.
type Model struct {
	Name          string // "llama3.2:latest"
	SizeBytes     int64
	Family        string // "llama"
	ParameterSize string // "3.2B"
	Quantization  string // "Q4_K_M"
	ModifiedAt    time.Time
	Remote        bool     // it runs elsewhere than on the upstream
	Capabilities  []string // "completion", "embedding", "tools", …; empty when not known yet
}

// Models lists what the upstreams hold, as Tags does.
func (c *Client) Models(ctx context.Context) ([]Model, error) {
	return union(ctx, c, (*server).models, Model.key)
}

func (m Model) key() listKey {
	name, _ := Canonical(m.Name)
	return listKey{name, m.ModifiedAt, m.Remote}
}

func (s *server) models(ctx context.Context) ([]Model, error) {
	list, err := s.tags(ctx)
	if err != nil {
		return nil, err
	}
	var models []taggedModel
	for _, entry := range list {
		m := taggedModel{remote: entry.Remote}
		if json.Unmarshal(entry.Raw, &m) == nil {
			models = append(models, m)
		}
	}
	known := s.findCapabilities(ctx, models)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	result := make([]Model, len(models))
	for i, m := range models {
		result[i] = m.model()
		if m.Capabilities == nil {
			result[i].Capabilities = slices.Clone(known[m.Digest])
		}
	}
	return result, nil
}

// taggedModel is a model in the answer of /api/tags.
type taggedModel struct {
	Name       string    `json:"name"`
	Digest     string    `json:"digest"`
	Size       int64     `json:"size"`
	ModifiedAt timestamp `json:"modified_at"`
	Details    struct {
		Family            string `json:"family"`
		ParameterSize     string `json:"parameter_size"`
		QuantizationLevel string `json:"quantization_level"`
	} `json:"details"`
	Capabilities []string `json:"capabilities"` // nil when the server is too old to list them

	remote bool
}

func (m taggedModel) model() Model {
	return Model{
		Name:          m.Name,
		SizeBytes:     m.Size,
		Family:        m.Details.Family,
		ParameterSize: m.Details.ParameterSize,
		Quantization:  m.Details.QuantizationLevel,
		ModifiedAt:    m.ModifiedAt.Time,
		Remote:        m.remote,
		Capabilities:  m.Capabilities,
	}
}
