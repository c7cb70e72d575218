package dialect

import (
	"bytes"
	"strconv"
	"strings"
)

// countKeys are the upstream's names for its counts, quoted and with a colon. In a JSON string a quote never stands without
// a backslash, so that what a model says is not taken for one.
var countKeys = [...]struct{ prompt, completion string }{
	Ollama:    {`"prompt_eval_count":`, `"eval_count":`},
	OpenAI:    {`"prompt_tokens":`, `"completion_tokens":`},
	Anthropic: {`"input_tokens":`, `"output_tokens":`},
	Responses: {`"input_tokens":`, `"output_tokens":`},
}

// maxCount is longer than a name and its number.
const maxCount = 64

// Tally finds the counts in an answer that is written to it in pieces. The last of equal names counts: what comes before
// may be arguments that a model calls a tool with.
type Tally struct {
	prompt, completion lastCount
	size               int    // of all that was written, bytes
	end                []byte // of it, in which a count may have begun
}

// NewTally returns a tally for answers of the dialect.
func NewTally(d Dialect) *Tally {
	keys := countKeys[d]
	return &Tally{prompt: lastCount{key: []byte(keys.prompt)}, completion: lastCount{key: []byte(keys.completion)}}
}

// Counts returns what was found so far, and how many bytes were written.
func (t *Tally) Counts() (prompt, completion int64, size int) {
	return t.prompt.n, t.completion.n, t.size
}

// Write never fails.
func (t *Tally) Write(p []byte) (int, error) {
	t.size += len(p)
	if len(t.end) > 0 { // a count across the seam, and again one that is behind it
		t.end = append(t.end, p[:min(len(p), maxCount)]...)
		t.find(t.end)
	}
	t.find(p)
	t.end = append(t.end[:0], t.lastOf(p)...)
	return len(p), nil
}

// lastOf returns the end of all that was written, p being the last of it.
func (t *Tally) lastOf(p []byte) []byte {
	if len(p) < maxCount { // end has it all
		if len(t.end) == 0 {
			return p
		}
		p = t.end
	}
	return p[max(0, len(p)-maxCount):]
}

// find looks from quote to quote: vectors by the megabyte, which are most of what there is to search, have few.
func (t *Tally) find(p []byte) {
	for {
		at := bytes.IndexByte(p, '"')
		if at < 0 {
			return
		}
		p = p[at:]
		t.prompt.read(p)
		t.completion.read(p)
		p = p[1:]
	}
}

// lastCount is the number under a key.
type lastCount struct {
	key []byte
	n   int64
}

// read takes the number, if p begins with the key.
func (c *lastCount) read(p []byte) {
	if p, ok := bytes.CutPrefix(p, c.key); ok {
		c.n = int64(countAt(bytes.TrimPrefix(p, []byte(" "))))
	}
}

// count is a count in an answer: 0 of what is none or below 0, and no more than a JSON number can be exact.
type count int64

const mostCount = 1 << 53

// UnmarshalJSON never fails.
func (c *count) UnmarshalJSON(b []byte) error {
	*c = countAt(b)
	return nil
}

// countAt returns the count that b begins with.
func countAt(b []byte) count {
	end := bytes.IndexFunc(b, func(r rune) bool { return !strings.ContainsRune("0123456789+-.eE", r) })
	if end < 0 {
		end = len(b)
	}
	n, _ := strconv.ParseFloat(string(b[:end]), 64) // 0 of what is no number, and infinite beyond its range
	return count(min(max(n, 0), mostCount))
}
