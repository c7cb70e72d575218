package ollamatest

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strings"
	"time"
)

func openAIEmbeddings(x *exchange) {
	var request struct {
		Model          string `json:"model"`
		Input          any    `json:"input"`
		Dimensions     int    `json:"dimensions"`
		EncodingFormat string `json:"encoding_format"`
	}
	if refused := x.decode(&request); refused != nil {
		x.refuseUnread(refused)
		return
	}
	bad := func(message string) { x.refuseUnread(&refusal{http.StatusBadRequest, message}) }
	if f := request.EncodingFormat; f != "" && !strings.EqualFold(f, "float") && !strings.EqualFold(f, "base64") {
		bad(fmt.Sprintf("Invalid value for 'encoding_format' = %s. Supported values: ['float', 'base64'].", f))
		return
	}
	if request.Input == "" {
		request.Input = []any{""}
	}
	input, ok := inputs(request.Input)
	if ok && len(input) == 0 {
		bad("invalid input")
		return
	}
	if !ok {
		x.refuse(http.StatusBadRequest, "invalid input type")
		return
	}
	model, ok := x.embedder(request.Model)
	if !ok {
		return
	}
	type embedding struct {
		Object    string `json:"object"`
		Embedding any    `json:"embedding"`
		Index     int    `json:"index"`
	}
	data, usage := []embedding{}, openAIUsage{}
	for i, text := range input {
		e := embedding{"embedding", model.vector(text, request.Dimensions), i}
		if strings.EqualFold(request.EncodingFormat, "base64") {
			e.Embedding = packed(model.vector(text, request.Dimensions))
		}
		data = append(data, e)
		usage.PromptTokens += model.textTokens(text)
	}
	usage.TotalTokens = usage.PromptTokens
	x.plainJSON(http.StatusOK, struct {
		Object string      `json:"object"`
		Data   []embedding `json:"data"`
		Model  string      `json:"model"`
		Usage  openAIUsage `json:"usage"`
	}{"list", data, request.Model, usage})
}

// packed is a vector in base64, little-endian.
func packed(v []float32) string {
	var b []byte
	for _, f := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(f))
	}
	return base64.StdEncoding.EncodeToString(b)
}

type openAIModel struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Created int64  `json:"created"`
	OwnedBy string `json:"owned_by"`
}

// openAIModels lists the models in OpenAI's terms.
func openAIModels(x *exchange) {
	var list []openAIModel
	for _, e := range x.server.list() {
		list = append(list, e.openAI(e.Name))
	}
	x.plainJSON(http.StatusOK, struct {
		Object string        `json:"object"`
		Data   []openAIModel `json:"data"`
	}{"list", list})
}

// openAIModelOf returns one model, by the name that it was asked by.
func openAIModelOf(x *exchange) {
	asked := strings.TrimPrefix(x.r.URL.Path, "/v1/models/")
	for _, e := range x.server.list() {
		if shortName(e.Name) == shortName(asked) {
			x.plainJSON(http.StatusOK, e.openAI(asked))
			return
		}
	}
	x.refuse(http.StatusNotFound, fmt.Sprintf("model '%s' not found", asked))
}

func (e listEntry) openAI(name string) openAIModel {
	var modified time.Time
	if err := json.Unmarshal(e.ModifiedAt, &modified); err != nil {
		panic(err)
	}
	return openAIModel{name, "model", modified.Unix(), "library"}
}
