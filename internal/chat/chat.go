// Package chat is the OllamaService: models, streamed chat and embeddings for callers, from the Ollama server behind us.
package chat

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/caller"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/ollama"
	"github.com/paddock-gate/paddock/internal/relay"
	"github.com/paddock-gate/paddock/internal/telemetry"
	"github.com/paddock-gate/paddock/internal/upstream"
	"github.com/paddock-gate/paddock/internal/usage"
)

// Service is the OllamaService.
type Service struct {
	upstream              *upstream.Pool
	models                *relay.Models
	ledger                *usage.Ledger
	chatModel, embedModel string
}

// New returns the service; the models are for requests that name none.
func New(upstream *upstream.Pool, models *relay.Models, ledger *usage.Ledger, chatModel, embedModel string) *Service {
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
	var prompt []string
	text := 0
	for _, m := range req.GetMessages() {
		prompt = append(prompt, m.GetContent())
		text += len(m.GetContent())
	}
	ctx, span := telemetry.StartModel(ctx, relay.Operation(usage.Chat), model)
	defer span.Finish()
	noted := telemetry.From(ctx)
	reserved, err := s.ledger.Reserve(ctx, usage.Call{
		Kind: usage.Chat, Model: model, PromptTokens: usage.Estimate(text), MaxTokens: int64(max(req.GetOptions().GetNumPredict(), 0)),
	})
	if err != nil {
		return err
	}
	meter := relay.NewMeter(usage.Chat, relay.Prompt{Text: text, Parts: len(prompt), Given: len(prompt) > 0}, reserved.MaxTokens())
	defer func() { reserved.Settle(ctx, meter.Cost()) }()
	mine := turn(ctx, &meter)
	ask := ollama.ChatRequest{Model: model, Options: options(req.GetOptions())}
	for _, m := range req.GetMessages() {
		ask.Messages = append(ask.Messages, ollama.Message{Role: m.GetRole(), Content: m.GetContent()})
	}
	mine.Affinity = relay.Affinity(caller.From(ctx), "", prompt...)
	if most := reserved.MaxTokens(); most > 0 {
		ask.Options.NumPredict = new(int32(min(most, math.MaxInt32)))
	}
	stream.ResponseHeader().Set("X-Accel-Buffering", "no") // nginx would hold pieces back
	asking, leave := context.WithCancel(ctx)
	defer leave()
	var unsent error
	for piece, err := range s.upstream.Chat(asking, mine, ask) {
		if asking.Err() != nil || errors.Is(err, ollama.ErrUnread) {
			meter.Outcome = usage.Aborted
		}
		if err != nil {
			return cmp.Or(unsent, err)
		}
		noted.Token()
		meter.Received += int64(piece.Size)
		if piece.Done {
			noted.ResponseModel, noted.FinishReason = piece.Model, piece.DoneReason
			if asking.Err() == nil {
				meter.Outcome = usage.OK
			}
			meter.Count(piece.PromptTokens, piece.CompletionTokens)
		} else {
			meter.Produced++
			reserved.Produced(meter.Produced)
		}
		if piece.Content == "" && !piece.Done {
			continue
		}
		if err := asking.Err(); err != nil { // what was read ahead counts, but is sent to nobody
			unsent = cmp.Or(unsent, err)
			continue
		}
		if err := stream.Send(message(piece)); err != nil {
			if !piece.Done {
				meter.Outcome = usage.Aborted
			}
			unsent = fmt.Errorf("send: %w", err)
			leave()
		}
	}
	return unsent
}

// turn is the caller's place among those who wait for the upstream.
func turn(ctx context.Context, meter *relay.Meter) upstream.Turn {
	return upstream.Turn{User: caller.From(ctx).UserID.String(), Begun: func() { meter.Asked = true }}
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
	ctx, span := telemetry.StartModel(ctx, relay.Operation(usage.Embed), model)
	defer span.Finish()
	reserved, err := s.ledger.Reserve(ctx, usage.Call{Kind: usage.Embed, Model: model, PromptTokens: usage.Estimate(text)})
	if err != nil {
		return nil, err
	}
	meter := relay.NewMeter(usage.Embed, relay.Prompt{Text: text, Parts: len(req.GetInput()), Given: text > 0}, 0)
	defer func() { reserved.Settle(ctx, meter.Cost()) }()
	at := turn(ctx, &meter)
	at.Batch = true
	answer, err := s.upstream.Embed(ctx, at, model, req.GetInput())
	if err != nil {
		if ctx.Err() != nil {
			meter.Outcome = usage.Aborted
		}
		return nil, err
	}
	meter.Outcome = usage.OK
	meter.Count(answer.PromptTokens, 0)
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
		return "", apierr.Invalid("model", "is no model name")
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
