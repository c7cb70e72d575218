package upstream

import (
	"context"
	"iter"

	"github.com/paddock-gate/paddock/internal/ollama"
)

// Chat asks the model and yields its answer piece by piece; see ollama.Answer.Pieces.
// Each range over it is a request of its own. It fails with one of the kinds of
// ollama.Error, or with ctx's error. Breaking out of the loop stops the server.
func (p *Pool) Chat(ctx context.Context, turn Turn, request ollama.ChatRequest) iter.Seq2[ollama.ChatPiece, error] {
	return func(yield func(ollama.ChatPiece, error) bool) {
		model, body, err := request.Encode()
		if err != nil {
			yield(ollama.ChatPiece{}, err)
			return
		}
		a, err := p.Relay(ctx, Request{Turn: turn, Path: "api/chat", Model: model, Body: body, Load: request.Options.Load()})
		if err != nil {
			yield(ollama.ChatPiece{}, err)
			return
		}
		a.Pieces(yield)
	}
}

// Embed returns one vector for each input; no vectors for no input. Texts that
// are too long for the model are cut by the server.
func (p *Pool) Embed(ctx context.Context, turn Turn, model string, input []string) (*ollama.Embeddings, error) {
	model, err := ollama.Canonical(model)
	if err != nil {
		return nil, err
	}
	body, err := ollama.EncodeEmbed(model, input)
	if err != nil {
		return nil, err
	}
	a, err := p.Relay(ctx, Request{Turn: turn, Path: "api/embed", Model: model, Body: body, Whole: true})
	if err != nil {
		return nil, err
	}
	return a.Embeddings(len(input))
}
