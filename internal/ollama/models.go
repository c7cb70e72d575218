package ollama

import (
	"context"
	"encoding/json"
	"slices"
	"time"
)

// Model is a model that the upstream holds.
type Model struct {
	Name          string // "llama3.2:latest"
	SizeBytes     int64
	Family        string // "llama"
	ParameterSize string // "3.2B"
	Quantization  string // "Q4_K_M"
	ModifiedAt    time.Time
	Capabilities  []string // "completion", "embedding", "tools", …; empty when not known yet
}

// maxMetadata bounds what the upstream tells about its models. /api/show lists
// every tensor.
const maxMetadata = 16 << 20

// Models lists what the upstream holds, in its order: newest first.
func (c *Client) Models(ctx context.Context) ([]Model, error) {
	var tags struct {
		Models []taggedModel `json:"models"`
	}
	if err := c.metadata(ctx, "api/tags", nil, &tags); err != nil {
		return nil, err
	}
	known := c.findCapabilities(ctx, tags.Models)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	models := make([]Model, len(tags.Models))
	for i, m := range tags.Models {
		models[i] = Model{
			Name:          m.Name,
			SizeBytes:     m.Size,
			Family:        m.Details.Family,
			ParameterSize: m.Details.ParameterSize,
			Quantization:  m.Details.QuantizationLevel,
			ModifiedAt:    m.ModifiedAt,
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
	ModifiedAt time.Time `json:"modified_at"`
	Details    struct {
		Family            string `json:"family"`
		ParameterSize     string `json:"parameter_size"`
		QuantizationLevel string `json:"quantization_level"`
	} `json:"details"`
}

// metadata makes a call that no model works for. Of what comes it keeps only the
// fields of result: /api/show also tells paths of the server.
func (c *Client) metadata(ctx context.Context, path string, request, result any) error {
	a, err := c.call(ctx, path, request, c.quick)
	if err != nil {
		return err
	}
	defer a.Close()
	body, err := a.readAll(maxMetadata)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, result); err != nil {
		return failed(messageNonsense, err)
	}
	return nil
}
