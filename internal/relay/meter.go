package relay

import "github.com/paddock-gate/paddock/internal/usage"

// Meter is what a call costs: as the upstream counted it, as far as that can be, else what came of the answer and, behind it, the
// prompt, which a client that leaves has had read.
type Meter struct {
	Outcome  usage.Outcome // usage.Failed, until it is known
	Asked    bool          // the upstream has been asked
	Produced int64         // completion tokens so far, a piece counted as one
	Received int64         // bytes of the answer so far

	prompt  Prompt
	limit   int64 // most completion tokens; below 0: none is known
	counted bool
	exact   bool // nothing was cut off what was counted
	// What was counted, cut.
	promptTokens, completionTokens int64
}

// Prompt is what a model has to read.
type Prompt struct {
	Text   int  // bytes
	Parts  int  // messages or texts that the template puts something around, unless Text has as much
	Images int  // of which Text has something
	Given  bool // there is something to read
}

// What an upstream says that a call has cost is believed as far as the call can have cost it. Of text, a token is at least a byte;
// these are the tokens beyond that, rather too many.
const (
	templateTokens = 16 << 10 // that the model's own template, system message and examples add to a prompt
	partTokens     = 32       // that the template puts around a message
	imageTokens    = 16 << 10 // that a model makes of a large image
	hiddenTokens   = 32 << 10 // that a model thinks and the upstream does not pass on
)

// NewMeter returns the meter of a call that reads the prompt; limit is the most tokens that the upstream is to answer with, 0 if there
// is no limit.
func NewMeter(kind usage.Kind, p Prompt, limit int64) Meter {
	m := Meter{Outcome: usage.Failed, prompt: p, limit: limit}
	switch {
	case kind == usage.Embed: // whose vectors are no tokens
		m.limit = 0
	case limit <= 0:
		m.limit = -1
	}
	return m
}

// mostPrompt returns the most tokens that the prompt can be.
func (m *Meter) mostPrompt() int64 {
	p := m.prompt
	return int64(p.Text) + int64(p.Parts)*partTokens + int64(p.Images)*imageTokens + templateTokens
}

// mostCompletion returns the most tokens that the answer so far can be.
func (m *Meter) mostCompletion() int64 {
	most := m.Received + hiddenTokens
	if m.limit >= 0 {
		most = min(most, m.limit)
	}
	return most
}

// Count takes what the upstream says of the counts, and reports whether it knows them. Ollama leaves out what is 0, or says so in
// OpenAI's terms. When it says so of all of a call, it does not know; but a model that was given nothing has nothing to count.
func (m *Meter) Count(prompt, completion int64) (known bool) {
	m.promptTokens = min(max(prompt, 0), m.mostPrompt())
	m.completionTokens = min(max(completion, 0), m.mostCompletion())
	m.exact = m.promptTokens == prompt && m.completionTokens == completion
	m.counted = m.promptTokens+m.completionTokens > 0 || !m.prompt.Given
	return m.counted
}

// Cost returns what the call has cost so far.
func (m *Meter) Cost() usage.Cost {
	c := usage.Cost{Outcome: m.Outcome}
	switch {
	case m.counted:
		c.Exact, c.PromptTokens, c.CompletionTokens = m.exact, m.promptTokens, m.completionTokens
	case m.Produced > 0 || m.Outcome == usage.OK || m.Outcome == usage.Aborted && m.Asked:
		c.PromptTokens, c.CompletionTokens = usage.Estimate(m.prompt.Text), min(m.Produced, m.mostCompletion())
	}
	return c
}
