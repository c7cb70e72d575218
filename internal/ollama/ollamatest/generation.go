package ollamatest

import "strings"

// generation is one answer in the making.
type generation struct {
	chain  chain
	limit  int // of tokens; none when not positive
	stops  []string
	reason string // why it ended, "" while it has not, or when it gave up
	tokens int    // so far
	held   string // back, since a stop may begin with it
	rest   string // what was held back since a call was expected, and none came
}

// pieces yields the answer, with held-back text as a piece of its own.
func (g *generation) pieces(yield func(piece) bool) {
	for {
		for _, p := range g.chain.words {
			if g.limit > 0 && g.tokens+p.tokens > g.limit {
				g.tokens, g.reason = g.limit, "length"
				g.flush(yield)
				return
			}
			g.tokens += p.tokens
			if p.held {
				g.rest += p.text
				continue
			}
			g.rest = ""
			p.text = g.untilStop(p.text)
			if (p.text != "" || p.thinking != "" || p.calls != nil) && !yield(p) || g.reason != "" {
				return
			}
		}
		switch g.chain.end {
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

// untilStop returns what may be said of text and what was held back before it. At
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

// logprob is how likely a token was: certain, for these models know one answer.
type logprob struct {
	Token   string       `json:"token"`
	Logprob float64      `json:"logprob"`
	Bytes   []int        `json:"bytes,omitempty"`
	Top     []topLogprob `json:"top_logprobs,omitempty"`
}

type topLogprob struct {
	Token   string  `json:"token"`
	Logprob float64 `json:"logprob"`
	Bytes   []int   `json:"bytes,omitempty"`
}

// logprobs are those of a piece, with so many of the likeliest tokens each.
func logprobs(p piece, top int) []logprob {
	text := p.thinking + p.text
	if text == "" {
		return nil
	}
	if text == "🙂" { // every byte a token, and none of them a character
		one := logprobs(piece{text: "\uFFFD"}, top)
		return append(one, one[0], one[0], one[0])
	}
	l := logprob{Token: text, Bytes: numbers(text)}
	others := []string{"<unk>", "<s>", "</s>"}
	for i := range top {
		switch {
		case i == 0:
			l.Top = append(l.Top, topLogprob{l.Token, 0, l.Bytes})
		case i <= len(others):
			l.Top = append(l.Top, topLogprob{others[i-1], -90.45179748535156, numbers(others[i-1])})
		default:
			l.Top = append(l.Top, topLogprob{"", -90.45179748535156, nil})
		}
	}
	return []logprob{l}
}

func numbers(text string) []int {
	list := make([]int, len(text))
	for i := range len(text) {
		list[i] = int(text[i])
	}
	return list
}
