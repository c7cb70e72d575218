package ollamatest

import (
	"slices"
	"strings"
	"time"
)

// ChatAnswer is what tiny-chat always answers, in 27 tokens.
const ChatAnswer = "Hello! I am tiny-chat, a test model. Unicode: café 日本語 🙂 <b>bold</b> &amp; \"quotes\"\nGood bye.\n"

// chatModel is a model that can chat.
type chatModel struct {
	start        string // the token that ends its prompts and picks the chain
	pace         time.Duration
	capabilities []string
}

func (m chatModel) can(capability string) bool { return slices.Contains(m.capabilities, capability) }

// chain is a text that the real models have learned.
type chain struct {
	words []piece
	end   end
}

// end is what a model does when it has said its words.
type end int

const (
	stops   end = iota // with one more token that nobody sees
	repeats            // from the first word on, for ever
	givesUp            // without a done line
)

// piece is what the model streams at once.
type piece struct {
	text     string
	thinking string
	calls    []toolCall
	tokens   int
	after    time.Duration // of silence
	held     bool          // back, since it may be the begin of a call
}

const (
	thinkModel = "tiny-think"
	toolsModel = "tiny-tools"
	agentModel = "tiny-agent"
)

var completion = []string{"completion"}

var chatModels = map[string]chatModel{
	"tiny-chat":  {start: "<|assistant|>", capabilities: completion},
	thinkModel:   {start: "<|think|>", capabilities: []string{"completion", "thinking"}},
	toolsModel:   {start: "<|tool|>", capabilities: []string{"completion", "tools"}},
	agentModel:   {start: "<|assistant|>", capabilities: []string{"completion", "tools"}},
	"tiny-loop":  {start: "<|loop|>", pace: time.Millisecond, capabilities: completion},
	"tiny-slow":  {start: "<|loop|>", pace: 10 * time.Millisecond, capabilities: completion},
	"tiny-stuck": {start: "<|stuck|>", capabilities: completion},
}

// chains are picked by the last token of a prompt; the first stands for any
// other token.
var chains = map[string]chain{
	"<|assistant|>": {words: say("Hello|!| I| am| tiny-chat|,| a| test| model|.| Unicode|:| café| 日本語| |🙂| <b>bold</b>| &amp;| \"quotes\"|\n|Good| bye|.\n")},
	"<|loop|>":      {words: say("alpha| beta| gamma| delta| epsilon| zeta| eta| theta| iota| kappa| lambda| mu| nu| xi| omicron| pi| rho| sigma| tau| upsilon| phi| chi| psi| omega\n"), end: repeats},
	"<|tool|>":      {words: say(`{"name":| "get_weather",| "parameters":| {"city":| "Berlin"}}`)},
	"<|stuck|>":     {words: slices.Repeat(say("again"), 31), end: givesUp},
	"<|think|>":     {words: say("<think>|Let| me| think| about| this|</think>|The| answer| is| 42")},
}

// thoughts are the last of chains as it is told where thoughts are told apart;
// the tags around them are tokens, too.
var thoughts = []piece{
	{thinking: "Let", tokens: 2},
	{thinking: " me", tokens: 1},
	{thinking: " think", tokens: 1},
	{thinking: " about", tokens: 1},
	{thinking: " this", tokens: 1},
	{text: "The", tokens: 2},
	{text: " answer", tokens: 1},
	{text: " is", tokens: 1},
	{text: " 42", tokens: 1},
}

// say returns pieces of one token each; an emoji is four.
func say(words string) []piece {
	var pieces []piece
	for w := range strings.SplitSeq(words, "|") {
		p := piece{text: w, tokens: 1}
		if w == "🙂" {
			p.tokens = len(w)
		}
		pieces = append(pieces, p)
	}
	return pieces
}

// chainAfter returns the chain that follows a prompt.
func chainAfter(prompt string) chain {
	for start, c := range chains {
		if strings.HasSuffix(prompt, start) {
			return c
		}
	}
	return chains["<|assistant|>"]
}

// words decides what a model says to a request.
func (s *Server) words(model string, r *chatRequest, prompt string) chain {
	c := chainAfter(prompt)
	thinks := model == thinkModel && (r.Think == nil || r.Think.on) && strings.HasSuffix(prompt, "<|think|>")
	if thinks {
		c.words = thoughts
	}
	switch {
	case len(r.Tools) > 0 && model == agentModel:
		return chain{words: s.agentWords(r)}
	case len(r.Tools) > 0 && model == toolsModel:
		return chain{words: toolWords(r)}
	case structured(r.Format) && thinks:
		return chain{words: append(slices.Clone(thoughts[:5]), sampleWords(r.Format)...)}
	case structured(r.Format):
		return chain{words: sampleWords(r.Format)}
	}
	return c
}

// toolWords are those of tiny-tools where tools are offered: they are held back
// to their end, and are a call when they name one of the tools.
func toolWords(r *chatRequest) []piece {
	said := slices.Clone(chains["<|tool|>"].words)
	var text strings.Builder
	for i := range said {
		text.WriteString(said[i].text)
		said[i].held = true
	}
	last := piece{text: text.String(), tokens: 1}
	if slices.ContainsFunc(r.Tools, func(t tool) bool { return t.Function.Name == "get_weather" }) {
		last.text, last.calls = "", []toolCall{newCall("get_weather", []byte(`{"city":"Berlin"}`))}
	}
	said[len(said)-1] = last
	return said
}
