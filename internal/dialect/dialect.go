// Package dialect is how the APIs of Ollama, OpenAI and Anthropic answer: their errors, the units of their streams, and where
// in an answer stands what a call has cost.
package dialect

// Dialect is the API that a client speaks.
type Dialect int

// The dialects, each with its own requests, streams and errors; those of the two APIs of OpenAI's differ in their streams
// alone.
const (
	Ollama Dialect = iota
	OpenAI
	Anthropic
	Responses
)

// Types of content.
const (
	EventStream = "text/event-stream"
	LineStream  = "application/x-ndjson"
	JSON        = "application/json"
)

// Filler returns what may be sent at any time between two events of a stream and means nothing; "" where the dialect has no
// such thing.
func (d Dialect) Filler() string {
	switch d {
	case OpenAI, Responses:
		return ": ping\n\n"
	case Anthropic:
		return "event: ping\ndata: {\"type\":\"ping\"}\n\n"
	case Ollama:
	}
	return ""
}
