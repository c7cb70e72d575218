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
	Capabilities  []string // "completion", "embedding", "tools", …; empty when not known yet
}

// Models lists what the upstreams hold, newest first; a model that several hold
// once. It fails when no upstream answers.
func (c *Client) Models(ctx context.Context) ([]Model, error) {
	return union(ctx, c.servers, (*server).models, Model.key)
}

func (m Model) key() (string, time.Time) {
	name, _ := Canonical(m.Name)
	return name, m.ModifiedAt
}

func (s *server) models(ctx context.Context) ([]Model, error) {
	listed, err := s.tags(ctx)
	if err != nil {
		return nil, err
	}
	tagged := make([]taggedModel, len(listed))
	for i, m := range listed {
		if err := json.Unmarshal(m.Raw, &tagged[i]); err != nil {
			return nil, failed(messageNonsense, err)
		}
	}
	known := s.findCapabilities(ctx, tagged)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	models := make([]Model, len(tagged))
	for i, m := range tagged {
		models[i] = Model{
			Name:          m.Name,
			SizeBytes:     m.Size,
			Family:        m.Details.Family,
			ParameterSize: m.Details.ParameterSize,
			Quantization:  m.Details.QuantizationLevel,
			ModifiedAt:    m.ModifiedAt.Time,
			Capabilities:  slices.Clone(known[m.Digest]),
		}
	}
	return models, nil
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
}
