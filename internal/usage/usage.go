// Package usage keeps the ledger of model calls: what each may cost is reserved before the upstream is asked, and settled
// afterwards, once, at what it did cost, even if the call fails, or its client or its replica is gone.
package usage

import "time"

// Kind is what a model call does.
type Kind string

// The kinds of model calls.
const (
	Chat     Kind = "chat"
	Generate Kind = "generate"
	Embed    Kind = "embed"
)

// Outcome is how a model call ended.
type Outcome string

// The outcomes of model calls.
const (
	OK      Outcome = "ok"
	Aborted Outcome = "aborted" // the client hung up or lost its access, or its replica died
	Failed  Outcome = "failed"  // the upstream failed
)

// Call is a model call that asks to be admitted.
type Call struct {
	Kind         Kind
	Model        string // canonical name
	PromptTokens int64  // estimated, see Estimate
	MaxTokens    int64  // most completion tokens that the client asks for; 0: as many as the model likes
}

// Cost is what a call did cost.
type Cost struct {
	PromptTokens, CompletionTokens int64
	Exact                          bool // as the upstream counted them, and not estimated
	Outcome                        Outcome
	Total                          time.Duration
}

func (c Cost) tokens() int64 { return c.PromptTokens + c.CompletionTokens }

// Estimate guesses the tokens of a text with so many bytes: three bytes make one, which is rather too many tokens for
// prose (English has four and more) and about right for code and for scripts of three bytes a character.
func Estimate(textBytes int) int64 { return int64(textBytes+2) / 3 }
