package ollama

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"time"
	"unicode/utf8"
)

// ChatRequest is a conversation to be continued.
type ChatRequest struct {
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

// Load returns what the options say of how to load the model.
func (o Options) Load() (l Load) {
	if o.NumCtx != nil {
		l.NumCtx = int64(*o.NumCtx)
	}
	return l
}

// Load is what a request says of how to load its model. Ollama loads a model anew for
// a request that says something else than the one before.
type Load struct {
	NumCtx int64 // options.num_ctx; 0: none
	Shift  *bool // nil: none
}

// Encode returns the request's body for api/chat, and the canonical name of its model.
func (r ChatRequest) Encode() (model string, body *Body, err error) {
	if model, err = Canonical(r.Model); err != nil {
		return "", nil, err
	}
	encoded, err := json.Marshal(struct {
		Model    string    `json:"model"`
		Messages []Message `json:"messages"`
		Stream   bool      `json:"stream"`
		Options  Options   `json:"options,omitzero"`
	}{model, r.Messages, true, r.Options})
	if err != nil {
		return "", nil, badRequest("an option is not a finite number")
	}
	return model, NewBody(encoded), nil
}

// ChatPiece is the next piece of an answer, as a rule one token. On the last one Done is set, with
// the fields below it; counts and durations that the server left out are 0.
type ChatPiece struct {
	Content string
	Size    int // of the line that it came in, bytes
	Done    bool

	Model            string // as the server names it; "" unless it does so first of all
	DoneReason       string // "stop", "length" or "load"
	PromptTokens     int64
	CompletionTokens int64
	Durations        Durations
}

// Durations are where the server spent its time.
type Durations struct {
	Total, Load, Prompt, Completion time.Duration
}

// maxLine bounds one line of a stream; Ollama's are some 150 bytes long.
const maxLine = 1 << 20

// Pieces yields the answer of api/chat piece by piece, as it comes, and closes it. The
// stream ends after a piece with Done set, or with an error. Of what the model thinks
// aloud and the tools it calls there is nothing but a piece without Content: the model
// has worked for it.
func (a *Answer) Pieces(yield func(ChatPiece, error) bool) {
	a, err := a.OrError()
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
			a.Drain()
			return
		}
	}
}

// nextPiece reads the next line that is not empty.
func nextPiece(lines *bufio.Scanner) (ChatPiece, error) {
	for lines.Scan() {
		if len(lines.Bytes()) == 0 {
			continue
		}
		piece, err := decodePiece(lines.Bytes())
		piece.Size = len(lines.Bytes())
		if err != nil && lines.Err() != nil { // a line cut short: say why, not what
			break
		}
		return piece, err
	}
	switch err := lines.Err(); {
	case err == nil:
		return ChatPiece{}, ErrUnfinished.WithCause(errors.New("stream ended without a done line"))
	case errors.Is(err, bufio.ErrTooLong):
		return ChatPiece{}, ErrNonsense.WithCause(err)
	default:
		return ChatPiece{}, err
	}
}

// plainPiece returns the content of what most lines are: a piece in the middle,
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

// modelOf returns the model of a line that begins with it, as Ollama's do.
func modelOf(b []byte) string {
	b, ok := bytes.CutPrefix(b, []byte(`{"model":"`))
	name, _, _ := bytes.Cut(b, []byte(`"`))
	if !ok {
		return ""
	}
	return string(name)
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
		return ChatPiece{}, ErrNonsense.WithCause(err)
	}
	if line.Error != nil {
		return ChatPiece{}, ModelError(*line.Error)
	}
	var model string
	if line.Done {
		model = modelOf(b)
	}
	return ChatPiece{
		Content:          line.Message.Content,
		Done:             line.Done,
		Model:            model,
		DoneReason:       line.DoneReason,
		PromptTokens:     max(line.PromptEvalCount, 0),
		CompletionTokens: max(line.EvalCount, 0),
		Durations:        Durations{max(line.Total, 0), max(line.Load, 0), max(line.PromptEval, 0), max(line.Eval, 0)},
	}, nil
}
