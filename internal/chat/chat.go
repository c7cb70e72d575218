// Package chat is the OllamaService: models, streamed chat and embeddings for callers, from the Ollama server behind us.
package chat

import (
	"context"
	"fmt"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/paddock-gate/paddock/internal/fault"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/ollama"
)

// Service is the OllamaService.
type Service struct {
	upstream              *ollama.Client
	chatModel, embedModel string
}

// New returns the service; the models are for requests that name none.
func New(upstream *ollama.Client, chatModel, embedModel string) *Service {
	return &Service{upstream: upstream, chatModel: chatModel, embedModel: embedModel}
}

// ListModels implements paddock.v1.OllamaService.
func (s *Service) ListModels(ctx context.Context, _ *paddockv1.ListModelsRequest) (*paddockv1.ListModelsResponse, error) {
	models, err := s.upstream.Models(ctx)
	if err != nil {
		return nil, err
	}
	m := &paddockv1.ListModelsResponse{}
	for _, model := range models {
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
	model, err := modelName(req.GetModel(), s.chatModel)
	if err != nil {
		return err
	}
	ask := ollama.ChatRequest{Model: model, Options: options(req.GetOptions())}
	for _, m := range req.GetMessages() {
		ask.Messages = append(ask.Messages, ollama.Message{Role: m.GetRole(), Content: m.GetContent()})
	}
	for piece, err := range s.upstream.Chat(ctx, ask) {
		if err != nil {
			return err
		}
		if err := stream.Send(message(piece)); err != nil {
			return fmt.Errorf("send: %w", err)
		}
	}
	return nil
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
	model, err := modelName(req.GetModel(), s.embedModel)
	if err != nil {
		return nil, err
	}
	answer, err := s.upstream.Embed(ctx, model, req.GetInput())
	if err != nil {
		return nil, err
	}
	m := &paddockv1.EmbedResponse{PromptTokens: answer.PromptTokens}
	for _, v := range answer.Vectors {
		m.Embeddings = append(m.Embeddings, &paddockv1.Embedding{Values: v})
	}
	return m, nil
}

// modelName returns the canonical name of the model that is asked for.
func modelName(asked, fallback string) (string, error) {
	if asked == "" {
		asked = fallback
	}
	name, err := ollama.Canonical(asked)
	if err != nil {
		return "", fault.Invalid("model", "is no model name")
	}
	return name, nil
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
