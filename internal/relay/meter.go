package relay

import "github.com/paddock-gate/paddock/internal/usage"

// Meter is what a call costs: as the upstream counted it, else what came of the answer and, behind it, the prompt, which a client
// that leaves has had read.
type Meter struct {
	Outcome  usage.Outcome // usage.Failed, until it is known
	Asked    bool          // the upstream has been asked
	Produced int64         // completion tokens so far, a piece counted as one

	text               int
	prompted           bool
	counted            bool
	prompt, completion int64
}

// NewMeter returns the meter of a call whose model reads so many bytes of text; prompted is false when there is nothing to read.
func NewMeter(text int, prompted bool) Meter {
	return Meter{Outcome: usage.Failed, text: text, prompted: prompted}
}

// Count takes what the upstream says of the counts, and reports whether it knows them. Ollama leaves out what is 0, or says so in
// OpenAI's terms. When it says so of all of a call, it does not know; but a model that was given nothing has nothing to count.
func (m *Meter) Count(prompt, completion int64) (known bool) {
	m.counted = prompt+completion > 0 || !m.prompted
	m.prompt, m.completion = prompt, completion
	return m.counted
}

// Cost returns what the call has cost so far.
func (m *Meter) Cost() usage.Cost {
	c := usage.Cost{Outcome: m.Outcome}
	switch {
	case m.counted:
		c.Exact, c.PromptTokens, c.CompletionTokens = true, m.prompt, m.completion
	case m.Produced > 0 || m.Outcome == usage.OK || m.Outcome == usage.Aborted && m.Asked:
		c.PromptTokens, c.CompletionTokens = usage.Estimate(m.text), m.Produced
	}
	return c
}
