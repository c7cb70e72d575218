package gateway

import (
	"maps"

	"github.com/paddock-gate/paddock/internal/dialect"
	"github.com/paddock-gate/paddock/internal/ollama"
	"github.com/paddock-gate/paddock/internal/rawjson"
	"github.com/paddock-gate/paddock/internal/usage"
)

// modelCall is a kind of call that a model works for.
type modelCall struct {
	dialect dialect.Dialect
	kind    usage.Kind
	path    string // at the upstream
	streams bool   // unless the client says otherwise
	fields  fields
	adds    []rawjson.Member // to every request
	// usageEverywhere: with its usage asked for, every chunk of a stream carries one.
	usageEverywhere bool
	// reshape makes the client's answer of the upstream's; nil leaves it as it is.
	reshape func(answer []byte) ([]byte, error)
}

var (
	ollamaChat = &modelCall{
		dialect: dialect.Ollama, kind: usage.Chat, path: "api/chat", streams: true,
		fields: with(ollamaSampling, fields{
			"messages": {be: list, use: prompt},
			"tools":    {be: list, use: theTools},
		}),
	}
	ollamaGenerate = &modelCall{
		dialect: dialect.Ollama, kind: usage.Generate, path: "api/generate", streams: true,
		fields: with(ollamaSampling, fields{
			"prompt":   {be: text, use: prompt},
			"suffix":   {be: text, use: prompt},
			"system":   {be: text, use: prompt},
			"images":   {be: list, use: prompt},
			"context":  {be: list, use: prompt},
			"raw":      {be: flag},
			"template": {be: text, use: prompt},
			"width":    {be: whole(0, maxPixels)},
			"height":   {be: whole(0, maxPixels)},
			"steps":    {be: whole(0, maxSteps)},
		}),
	}
	ollamaEmbed = &modelCall{
		dialect: dialect.Ollama, kind: usage.Embed, path: "api/embed",
		fields: fields{
			"model":      {be: text, use: theModel},
			"input":      {be: inputs, use: prompt},
			"truncate":   {be: flag},
			"dimensions": {be: whole(0, mostTokens)},
			"options":    {be: object, use: theOptions},
			"keep_alive": {be: anything, use: keepAlive},
		},
	}
	// Deprecated by Ollama; its own answer does not count tokens. It never cut a text that is too long.
	ollamaEmbeddings = &modelCall{
		dialect: dialect.Ollama, kind: usage.Embed, path: "api/embed", reshape: firstEmbedding,
		adds: []rawjson.Member{{Key: "truncate", Value: []byte("false")}},
		fields: fields{
			"model":      {be: text, use: theModel},
			"prompt":     {be: text, use: prompt, as: "input"},
			"options":    {be: object, use: theOptions},
			"keep_alive": {be: anything, use: keepAlive},
		},
	}
	openAIChat = &modelCall{
		dialect: dialect.OpenAI, kind: usage.Chat, path: "v1/chat/completions",
		fields: with(openAISampling, fields{
			"messages":            {be: list, use: prompt},
			"tools":               {be: list, use: theTools},
			"tool_choice":         {be: anything, use: theToolChoice},
			"parallel_tool_calls": {be: flag},
			"response_format":     {be: object},
			"reasoning":           {be: object},
			"reasoning_effort":    {be: text},
			"logprobs":            {be: flag},
			"top_logprobs":        {be: whole(0, 20)},
			"_debug_render_only":  {be: flag, use: forbid},
		}),
	}
	openAICompletions = &modelCall{
		dialect: dialect.OpenAI, kind: usage.Generate, path: "v1/completions", usageEverywhere: true,
		fields: with(openAISampling, fields{
			"prompt":             {be: text, use: prompt},
			"suffix":             {be: text, use: prompt},
			"logprobs":           {be: whole(0, 20)},
			"_debug_render_only": {be: flag, use: forbid},
		}),
	}
	openAIEmbeddings = &modelCall{
		dialect: dialect.OpenAI, kind: usage.Embed, path: "v1/embeddings",
		fields: fields{
			"model":           {be: text, use: theModel},
			"input":           {be: inputs, use: prompt},
			"dimensions":      {be: whole(0, mostTokens)},
			"encoding_format": {be: text},
		},
	}
	anthropicMessages = &modelCall{
		dialect: dialect.Anthropic, kind: usage.Chat, path: "v1/messages",
		fields: fields{
			"model":          {be: text, use: theModel},
			"messages":       {be: list, use: prompt},
			"system":         {be: textOrList, use: theSystem},
			"tools":          {be: list, use: theTools},
			"max_tokens":     {be: whole(anyTokens, mostTokens), use: theLimit},
			"stream":         {be: flag, use: theStream},
			"temperature":    {be: anyNumber},
			"top_p":          {be: anyNumber},
			"top_k":          {be: whole(-maxNumber, maxNumber)},
			"stop_sequences": {be: stops},
			"tool_choice":    {be: object, use: theToolChoice},
			"thinking":       {be: object},
			"output_config":  {be: object},
		},
	}
)

// ollamaSampling is what chat and generate share.
var ollamaSampling = fields{
	"model":              {be: text, use: theModel},
	"format":             {be: textOrObject},
	"think":              {be: textOrFlag},
	"stream":             {be: flag, use: theStream},
	"options":            {be: object, use: theOptions},
	"truncate":           {be: flag},
	"shift":              {be: flag},
	"logprobs":           {be: flag},
	"top_logprobs":       {be: whole(0, 20)},
	"keep_alive":         {be: anything, use: keepAlive},
	"_debug_render_only": {be: flag, use: forbid},
}

// openAISampling is what the two kinds of completions share. Ollama does not know max_completion_tokens, which has
// taken the place of max_tokens: either goes upstream as max_tokens.
var openAISampling = fields{
	"model":                 {be: text, use: theModel},
	"stream":                {be: flag, use: theStream},
	"stream_options":        {be: object, use: theUsage},
	"max_tokens":            {be: whole(anyTokens, mostTokens), use: theLimit},
	"max_completion_tokens": {be: whole(anyTokens, mostTokens), use: theLimit},
	"seed":                  {be: whole(-maxSeed, maxSeed)},
	"stop":                  {be: stopOrStops},
	"temperature":           {be: anyNumber},
	"top_p":                 {be: anyNumber},
	"frequency_penalty":     {be: anyNumber},
	"presence_penalty":      {be: anyNumber},
	"prompt_cache_key":      {be: text, use: theConversation},
}

func with(some, more fields) fields {
	all := maps.Clone(some)
	maps.Copy(all, more)
	return all
}

// firstEmbedding makes the answer of /api/embeddings of that of /api/embed for one text: none when that was empty.
func firstEmbedding(answer []byte) ([]byte, error) {
	all, err := rawjson.Members(answer, nil)
	if err != nil {
		return nil, ollama.ErrNonsense
	}
	vector := []byte("[]")
	for _, m := range all {
		if m.Key != "embeddings" {
			continue
		}
		for vector = range rawjson.Elements(m.Value) {
			break
		}
	}
	return rawjson.AppendObject(nil, []rawjson.Member{{Key: "embedding", Value: vector}}), nil
}

// openAIResponses is OpenAI's Responses API as Ollama serves it: without a memory of its own.
var openAIResponses = &modelCall{
	dialect: dialect.Responses, kind: usage.Chat, path: "v1/responses",
	fields: fields{
		"model":               {be: text, use: theModel},
		"input":               {be: textOrList, use: prompt},
		"instructions":        {be: text, use: prompt},
		"tools":               {be: list, use: theTools},
		"tool_choice":         {be: anything, use: theToolChoice},
		"parallel_tool_calls": {be: flag},
		"stream":              {be: flag, use: theStream},
		"max_output_tokens":   {be: whole(anyTokens, mostTokens), use: theLimit},
		"temperature":         {be: anyNumber},
		"top_p":               {be: anyNumber},
		"truncation":          {be: text},
		"text":                {be: object},
		"reasoning":           {be: object},
		"include":             {be: list},
		"background":          {be: flag, use: forbid},
		"prompt_cache_key":    {be: text, use: theConversation},

		"previous_response_id": {be: anything, use: forbid},
		"conversation":         {be: anything, use: forbid},
	},
}
