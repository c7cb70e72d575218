package ollamatest

import (
	"bytes"
	"encoding/json"
	"sync/atomic"
)

// Wedge hangs as a model does that has lost its only slot, while all others
// answer, until a request with keep_alive 0 and nothing to say unloads it; from
// then on it answers as usual.
func Wedge() Step {
	var recovered atomic.Bool
	return func(x *exchange) error {
		if unloads(x.body) {
			recovered.Store(true)
		}
		if !recovered.Load() {
			return Hang()(x)
		}
		return Answer()(x)
	}
}

func unloads(body []byte) bool {
	var request struct {
		Prompt    string
		Messages  []message
		KeepAlive any `json:"keep_alive"`
	}
	_ = json.NewDecoder(bytes.NewReader(body)).Decode(&request)
	return request.KeepAlive == 0.0 && request.Prompt == "" && len(request.Messages) == 0
}
