package gateway

import (
	"testing"

	"github.com/paddock-gate/paddock/internal/ollama"
)

func TestRequest_Load(t *testing.T) {
	for body, want := range map[string]ollama.Load{
		`{"model":"m"}`: {},
		`{"model":"m","options":{"num_ctx":8192.0,"seed":1},"shift":false}`: {NumCtx: 8192, Shift: new(false)},
		`{"model":"m","options":{"seed":1},"shift":true}`:                   {Shift: new(true)},
	} {
		q, err := decode(ollamaChat, []byte(body), Options{})
		if err != nil {
			t.Fatal(err)
		}
		got := q.load()
		if got.NumCtx != want.NumCtx || (got.Shift == nil) != (want.Shift == nil) || got.Shift != nil && *got.Shift != *want.Shift {
			t.Errorf("%s: %+v, want %+v", body, got, want)
		}
	}
}
