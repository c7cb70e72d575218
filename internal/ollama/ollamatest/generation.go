package ollamatest

import (
	"slices"
	"strings"
	"time"
)

// ChatAnswer is what tiny-chat always answers, in 27 tokens.
const ChatAnswer = "Hello! I am tiny-chat, a test model. Unicode: café 日本語 🙂 <b>bold</b> &amp; \"quotes\"\nGood bye.\n"

const chatContext = 2048 // tokens

// piece is what the model streams at once.
type piece struct {
	text     string
	thinking string
	tokens   int
}

type chatModel struct {
	words        []piece
	end          end
	pace         time.Duration
	capabilities []string
}

// end is what a model does when it has said its words.
type end int

const (
	stops   end = iota // with one more token that nobody sees
	repeats            // from the first word on, for ever
	givesUp            // without a done line
)

var (
	greek      = say("alpha| beta| gamma| delta| epsilon| zeta| eta| theta| iota| kappa| lambda| mu| nu| xi| omicron| pi| rho| sigma| tau| upsilon| phi| chi| psi| omega\n")
	completion = []string{"completion"}
)

var chatModels = map[string]chatModel{
	"tiny-chat":  {words: say("Hello|!| I| am| tiny-chat|,| a| test| model|.| Unicode|:| café| 日本語| |🙂| <b>bold</b>| &amp;| \"quotes\"|\n|Good| bye|.\n"), capabilities: completion},
	"tiny-think": {words: thoughts, capabilities: []string{"completion", "thinking"}},
	"tiny-tools": {words: say(`{"name":| "get_weather",| "parameters":| {"city":| "Berlin"}}`), capabilities: []string{"completion", "tools"}},
	"tiny-loop":  {words: greek, end: repeats, pace: time.Millisecond, capabilities: completion},
	"tiny-slow":  {words: greek, end: repeats, pace: 10 * time.Millisecond, capabilities: completion},
	"tiny-stuck": {words: slices.Repeat(say("again"), 31), end: givesUp, capabilities: completion},
}

// thoughts are tiny-think's; the tags around what it thinks are tokens, too.
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

// say gives pieces of one token each; an emoji is four.
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

// generation is one answer in the making.
type generation struct {
	model  chatModel
	limit  int // of tokens; none when not positive
	stops  []string
	reason string // why it ended, "" while it has not, or when it gave up
	tokens int    // so far
	held   string // back, since a stop may begin with it
}

// pieces yields the answer, with held-back text as a piece of its own.
func (g *generation) pieces(yield func(piece) bool) {
	for {
		for _, p := range g.model.words {
			if g.limit > 0 && g.tokens+p.tokens > g.limit {
				g.tokens, g.reason = g.limit, "length"
				g.flush(yield)
				return
			}
			g.tokens += p.tokens
			p.text = g.untilStop(p.text)
			if (p.text != "" || p.thinking != "") && !yield(p) || g.reason != "" {
				return
			}
		}
		switch g.model.end {
		case stops:
			g.flush(yield)
			g.tokens++
			g.reason = "stop"
			return
		case givesUp:
			return
		case repeats:
		}
	}
}

func (g *generation) flush(yield func(piece) bool) {
	if g.held != "" {
		yield(piece{text: g.held})
	}
}

// untilStop gives what may be said of text and what was held back before it. At
// a stop it sets the reason.
func (g *generation) untilStop(text string) string {
	text, g.held = g.held+text, ""
	for _, stop := range g.stops {
		if before, _, found := strings.Cut(text, stop); found {
			g.reason = "stop"
			return before
		}
	}
	for i := range text {
		for _, stop := range g.stops {
			if strings.HasPrefix(stop, text[i:]) {
				g.held = text[i:]
				return text[:i]
			}
		}
	}
	return text
}
