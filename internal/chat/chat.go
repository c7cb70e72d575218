// Package chat is the OllamaService: models, streamed chat and embeddings for callers, from the Ollama server behind us.
package chat

import (
	"context"
	"fmt"
	"math"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/paddock-gate/paddock/internal/caller"
	"github.com/paddock-gate/paddock/internal/fault"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/ollama"
	"github.com/paddock-gate/paddock/internal/relay"
	"github.com/paddock-gate/paddock/internal/usage"
)

// Service is the OllamaService.
type Service struct {
	upstream              *ollama.Client
	models                *relay.Models
	ledger                *usage.Ledger
	chatModel, embedModel string
}

// New returns the service; the models are for requests that name none.
func New(upstream *ollama.Client, models *relay.Models, ledger *usage.Ledger, chatModel, embedModel string) *Service {
	return &Service{upstream: upstream, models: models, ledger: ledger, chatModel: chatModel, embedModel: embedModel}
}

// ListModels implements paddock.v1.OllamaService.
func (s *Service) ListModels(ctx context.Context, _ *paddockv1.ListModelsRequest) (*paddockv1.ListModelsResponse, error) {
	models, err := s.upstream.Models(ctx)
	if err != nil {
		return nil, err
	}
	m := &paddockv1.ListModelsResponse{}
	c := caller.From(ctx)
	for _, model := range models {
		if name, err := ollama.Canonical(model.Name); err != nil || !c.MayUse(name) {
			continue
		}
		m.Models = append(m.Models, &paddockv1.Model{
			Name:          model.Name,
			SizeBytes:     model.SizeBytes,
			Family:        model.Family,
			ParameterSize: model.ParameterSize,
			Quantization:  model.Quantization,
			ModifiedAt:    timestamppb.New(model.ModifiedAt),
			Capabilities:  model.Capabilities,
		})
	}
	return m, nil
}

// Chat implements paddock.v1.OllamaService. Leaving the loop, for whatever reason, ends the upstream's work.
func (s *Service) Chat(ctx context.Context, req *paddockv1.ChatRequest, stream *connect.ServerStream[paddockv1.ChatResponse]) error {
	model, err := s.modelName(ctx, req.GetModel(), s.chatModel)
	if err != nil {
		return err
	}
	asked := false
	ask := ollama.ChatRequest{Turn: turn(ctx, false, &asked), Model: model, Options: options(req.GetOptions())}
	var prompt []string
	text := 0
	for _, m := range req.GetMessages() {
		ask.Messages = append(ask.Messages, ollama.Message{Role: m.GetRole(), Content: m.GetContent()})
		prompt = append(prompt, m.GetContent())
		text += len(m.GetContent())
	}
	ask.Turn.Affinity = relay.Affinity(caller.From(ctx), "", prompt...)
	reserved, err := s.ledger.Reserve(ctx, usage.Call{
		Kind: usage.Chat, Model: model, PromptTokens: usage.Estimate(text), MaxTokens: int64(max(req.GetOptions().GetNumPredict(), 0)),
	})
	if err != nil {
		return err
	}
	if most := reserved.MaxTokens(); most > 0 {
		ask.Options.NumPredict = new(int32(min(most, math.MaxInt32)))
	}
	stream.ResponseHeader().Set("X-Accel-Buffering", "no") // nginx would hold pieces back
	cost := usage.Cost{Outcome: usage.Failed}
	defer func() { reserved.Settle(ctx, cost) }()
	for piece, err := range s.upstream.Chat(ctx, ask) {
		if ctx.Err() != nil {
			cost = abort(cost, asked, text)
		}
		if err != nil {
			return err
		}
		if cost = progress(cost, piece); !cost.Exact {
			cost.PromptTokens = usage.Estimate(text)
			reserved.Produced(cost.CompletionTokens)
		}
		if piece.Content == "" && !piece.Done {
			continue
		}
		if err := stream.Send(message(piece)); err != nil {
			if !piece.Done {
				cost.Outcome = usage.Aborted
			}
			return fmt.Errorf("send: %w", err)
		}
	}
	return nil
}

// progress is the cost of a chat after another piece. Until the last one tells the counts, a piece is a token, and the
// call is one that broke off.
func progress(c usage.Cost, p ollama.ChatPiece) usage.Cost {
	switch {
	case !p.Done:
		c.CompletionTokens++
	case p.PromptTokens > 0 || p.CompletionTokens > 0:
		c = usage.Cost{PromptTokens: p.PromptTokens, CompletionTokens: p.CompletionTokens, Exact: true, Total: p.Durations.Total}
		c.Outcome = usage.OK
	default:
		c.Outcome = usage.OK
	}
	return c
}

// turn is the caller's place among those who wait for the upstream, and sets asked when that is over.
func turn(ctx context.Context, batch bool, asked *bool) ollama.Turn {
	return ollama.Turn{User: caller.From(ctx).UserID.String(), Batch: batch, Begun: func() { *asked = true }}
}

// abort is the cost of a call whose client leaves. The upstream has read the prompt if it was asked.
func abort(c usage.Cost, asked bool, text int) usage.Cost {
	c.Outcome = usage.Aborted
	if asked {
		c.PromptTokens = usage.Estimate(text)
	}
	return c
}

func message(p ollama.ChatPiece) *paddockv1.ChatResponse {
	m := &paddockv1.ChatResponse{Content: p.Content}
	if p.Done {
		m.Done = true
		m.DoneReason, m.PromptTokens, m.CompletionTokens = &p.DoneReason, &p.PromptTokens, &p.CompletionTokens
		m.Durations = &paddockv1.ChatDurations{
			Total:      durationpb.New(p.Durations.Total),
			Load:       durationpb.New(p.Durations.Load),
			Prompt:     durationpb.New(p.Durations.Prompt),
			Completion: durationpb.New(p.Durations.Completion),
		}
	}
	return m
}

// Embed implements paddock.v1.OllamaService.
func (s *Service) Embed(ctx context.Context, req *paddockv1.EmbedRequest) (*paddockv1.EmbedResponse, error) {
	model, err := s.modelName(ctx, req.GetModel(), s.embedModel)
	if err != nil {
		return nil, err
	}
	text := 0
	for _, input := range req.GetInput() {
		text += len(input)
	}
	reserved, err := s.ledger.Reserve(ctx, usage.Call{Kind: usage.Embed, Model: model, PromptTokens: usage.Estimate(text)})
	if err != nil {
		return nil, err
	}
	cost := usage.Cost{Outcome: usage.Failed}
	defer func() { reserved.Settle(ctx, cost) }()
	asked := false
	answer, err := s.upstream.Embed(ctx, turn(ctx, true, &asked), model, req.GetInput())
	if err != nil {
		if ctx.Err() != nil {
			cost = abort(cost, asked, text)
		}
		return nil, err
	}
	cost = usage.Cost{PromptTokens: answer.PromptTokens, Exact: true, Outcome: usage.OK}
	if answer.PromptTokens == 0 { // the upstream did not say
		cost.PromptTokens, cost.Exact = usage.Estimate(text), text == 0
	}
	m := &paddockv1.EmbedResponse{PromptTokens: answer.PromptTokens}
	for _, v := range answer.Vectors {
		m.Embeddings = append(m.Embeddings, &paddockv1.Embedding{Values: v})
	}
	return m, nil
}

// modelName returns the canonical name of the model that is asked for, if the caller may use it.
func (s *Service) modelName(ctx context.Context, asked, fallback string) (string, error) {
	if asked == "" {
		asked = fallback
	}
	name, err := ollama.Canonical(asked)
	if err != nil {
		return "", fault.Invalid("model", "is no model name")
	}
	return name, s.models.Admit(ctx, name)
}

func options(o *paddockv1.ChatOptions) ollama.Options {
	if o == nil {
		return ollama.Options{}
	}
	return ollama.Options{
		Temperature: o.Temperature,
		TopP:        o.TopP,
		NumPredict:  o.NumPredict,
		Seed:        o.Seed,
		NumCtx:      o.NumCtx,
		Stop:        o.Stop,
	}
}
