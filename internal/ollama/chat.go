package ollama

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"iter"
	"time"
	"unicode/utf8"
)

// ChatRequest is a conversation to be continued.
type ChatRequest struct {
	Turn     Turn
	Model    string    // in any spelling
	Messages []Message // oldest first; none at all only loads the model
	Options  Options
}

// Message is one turn of a conversation.
type Message struct {
	Role    string `json:"role"` // "system", "user" or "assistant"
	Content string `json:"content"`
}

// Options steer the model. These and no others go upstream; what is nil is left
// to the model.
type Options struct {
	Temperature *float32 `json:"temperature,omitempty"`
	TopP        *float32 `json:"top_p,omitempty"`
	NumPredict  *int32   `json:"num_predict,omitempty"` // most tokens to answer with
	Seed        *int64   `json:"seed,omitempty"`
	NumCtx      *int32   `json:"num_ctx,omitempty"` // context window, tokens; another one than before reloads the model
	Stop        []string `json:"stop,omitempty"`    // the answer ends before any of these
}

func (o Options) load() (l Load) {
	if o.NumCtx != nil {
		l.NumCtx = int64(*o.NumCtx)
	}
	return l
}

// ChatPiece is the next piece of an answer, as a rule one token. On the last one Done is set, with
// the fields below it; counts and durations that the upstream left out are 0.
type ChatPiece struct {
	Content string
	Done    bool

	DoneReason       string // "stop", "length" or "load"
	PromptTokens     int64
	CompletionTokens int64
	Durations        Durations
}

// Durations tell where the upstream spent its time.
type Durations struct {
	Total, Load, Prompt, Completion time.Duration
}

// maxLine bounds one line of a stream; Ollama's are some 150 bytes long.
const maxLine = 1 << 20

// Chat asks the model and gives its answer piece by piece, as it comes. Each
// range over it is a request of its own. It ends after a piece with Done set, or
// with an error: one of the kinds of Error, or ctx's. Breaking out of the
// loop stops the upstream. Of what the model thinks aloud and the tools it calls
// there is nothing but a piece without Content: the model has worked for it.
func (c *Client) Chat(ctx context.Context, request ChatRequest) iter.Seq2[ChatPiece, error] {
	return func(yield func(ChatPiece, error) bool) {
		a, err := c.openChat(ctx, request)
		if err != nil {
			yield(ChatPiece{}, err)
			return
		}
		defer a.Close()
		lines := bufio.NewScanner(a)
		lines.Buffer(make([]byte, 0, 4<<10), maxLine)
		for {
			piece, err := nextPiece(lines)
			if !yield(piece, err) && !piece.Done || err != nil {
				return
			}
			if piece.Done {
				a.drain()
				return
			}
		}
	}
}

func (c *Client) openChat(ctx context.Context, request ChatRequest) (*Answer, error) {
	model, err := Canonical(request.Model)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(struct {
		Model    string    `json:"model"`
		Messages []Message `json:"messages"`
		Stream   bool      `json:"stream"`
		Options  Options   `json:"options,omitzero"`
	}{model, request.Messages, true, request.Options})
	if err != nil {
		return nil, badRequest("an option is not a finite number")
	}
	a, err := c.Relay(ctx, Relay{Turn: request.Turn, Path: "api/chat", Model: model, Body: NewBody(body), Load: request.Options.load()})
	if err != nil {
		return nil, err
	}
	return a.orFault()
}

// nextPiece reads the next line that is not empty.
func nextPiece(lines *bufio.Scanner) (ChatPiece, error) {
	for lines.Scan() {
		if len(lines.Bytes()) == 0 {
			continue
		}
		piece, err := decodePiece(lines.Bytes())
		if err != nil && lines.Err() != nil { // a line cut short: say why, not what
			break
		}
		return piece, err
	}
	switch err := lines.Err(); {
	case err == nil:
		return ChatPiece{}, failed(messageUnfinished, errors.New("stream ended without a done line"))
	case errors.Is(err, bufio.ErrTooLong):
		return ChatPiece{}, failed(messageNonsense, err)
	default:
		return ChatPiece{}, err
	}
}

// plainPiece gives the content of what most lines are: a piece in the middle,
// with nothing in it that is escaped. Decoding all of it would take 13 times as
// long (BenchmarkDecodePiece).
func plainPiece(b []byte) (content string, ok bool) {
	b, ok = bytes.CutSuffix(b, []byte(`"},"done":false}`))
	if !ok {
		return "", false
	}
	_, b, ok = bytes.Cut(b, []byte(`"message":{"role":"assistant","content":"`))
	if !ok || bytes.ContainsAny(b, `"\`) || !utf8.Valid(b) {
		return "", false
	}
	return string(b), true
}

// chatLine is one line of Ollama's stream, either {"error": …} or the rest.
type chatLine struct {
	Error   *string `json:"error"`
	Message struct {
		Content string `json:"content"`
	} `json:"message"`
	Done            bool          `json:"done"`
	DoneReason      string        `json:"done_reason"`
	PromptEvalCount int64         `json:"prompt_eval_count"`
	EvalCount       int64         `json:"eval_count"`
	Total           time.Duration `json:"total_duration"`
	Load            time.Duration `json:"load_duration"`
	PromptEval      time.Duration `json:"prompt_eval_duration"`
	Eval            time.Duration `json:"eval_duration"`
}

func decodePiece(b []byte) (ChatPiece, error) {
	if content, ok := plainPiece(b); ok {
		return ChatPiece{Content: content}, nil
	}
	var line chatLine
	if err := json.Unmarshal(b, &line); err != nil {
		return ChatPiece{}, failed(messageNonsense, err)
	}
	if line.Error != nil {
		return ChatPiece{}, ModelError(*line.Error)
	}
	return ChatPiece{
		Content:          line.Message.Content,
		Done:             line.Done,
		DoneReason:       line.DoneReason,
		PromptTokens:     max(line.PromptEvalCount, 0),
		CompletionTokens: max(line.EvalCount, 0),
		Durations:        Durations{line.Total, line.Load, line.PromptEval, line.Eval},
	}, nil
}
