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
	name := shortName(request.Model)
	_, isChat := chatModels[name]
	switch {
	case !ok:
		x.refuse(http.StatusBadRequest, "invalid input type")
		return
	case name != embedModel && !isChat:
		x.refuse(http.StatusNotFound, fmt.Sprintf("model %q not found, try pulling it first", request.Model))
		return
	}
	type embedding struct {
		Object    string `json:"object"`
		Embedding any    `json:"embedding"`
		Index     int    `json:"index"`
	}
	data, usage := []embedding{}, openAIUsage{}
	for i, text := range input {
		e := embedding{"embedding", vector(text, isChat, request.Dimensions), i}
		if strings.EqualFold(request.EncodingFormat, "base64") {
			e.Embedding = packed(vector(text, isChat, request.Dimensions))
		}
		data = append(data, e)
		usage.PromptTokens += embedTokens(text)
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
	var tags struct {
		Models []struct {
			Name       string
			ModifiedAt time.Time `json:"modified_at"`
		}
	}
	if err := json.Unmarshal(recordedTags, &tags); err != nil {
		panic(err)
	}
	var list []openAIModel
	for _, m := range tags.Models {
		list = append(list, openAIModel{m.Name, "model", m.ModifiedAt.Unix(), "library"})
	}
	x.plainJSON(http.StatusOK, struct {
		Object string        `json:"object"`
		Data   []openAIModel `json:"data"`
	}{"list", list})
}
