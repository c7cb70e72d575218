package gateway

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/paddock-gate/paddock/internal/rawjson"
)

// rule says what a field of a request must be, and what becomes of it.
type rule struct {
	be  check
	use use
	as  string // its name upstream; "" is the same
}

// use is what becomes of a field. A field whose value is null is as good as absent, as it is for Ollama.
type use int

const (
	forward   use = iota // goes upstream as it is written
	prompt               // likewise, and the model reads it
	forbid               // is refused, unless it says nothing: false or ""
	keepAlive            // goes upstream as far as MaxKeepAlive allows, and is refused where it would unload the model
	theModel
	theSystem       // prompt, without what Claude Code puts before it
	theTools        // prompt, without the hosted ones
	theToolChoice   // unless it is a hosted one
	theConversation // names it, and is left out
	theStream       // whether the answer shall be streamed
	theOptions      // Ollama's, with rules of their own
	theLimit        // most tokens to answer with
	theUsage        // OpenAI's stream_options
)

// fields are the rules for the fields of an object; whatever is not among them is left out.
type fields map[string]rule

// find returns the rule for a key, and false when there is none. A key that Ollama takes for a known one because it
// compares without regard to case is an error.
func (f fields) find(key string) (rule, bool, error) {
	r, ok := f[key]
	if ok {
		return r, true, nil
	}
	for known := range f {
		if strings.EqualFold(known, key) {
			return rule{}, false, invalid(key, "must be spelled "+known)
		}
	}
	return rule{}, false, nil
}

// check returns the value as it goes upstream, or what it must be.
type check func(value []byte) (kept []byte, must string)

// anything is any value; Ollama itself says what it makes of it.
func anything(v []byte) ([]byte, string) { return v, "" }

// begins is a check by the byte that values begin with.
func begins(with, must string) check {
	return func(v []byte) ([]byte, string) {
		if strings.IndexByte(with, v[0]) < 0 {
			return nil, must
		}
		return v, ""
	}
}

var (
	text         = begins(`"`, "must be a string")
	flag         = begins("tf", "must be true or false")
	list         = begins("[", "must be a list")
	object       = begins("{", "must be an object")
	textOrObject = begins(`"{`, "must be a string or an object")
	textOrList   = begins(`"[`, "must be a string or a list")
	textOrFlag   = begins(`"tf`, "must be a string, true or false")
)

// Bounds of what goes upstream.
const (
	maxNumber  = 1 << 31
	maxSeed    = 1 << 53 // beyond it, a JSON number is not what it seems
	anyTokens  = -1 << 31
	mostTokens = 1<<31 - 1
	maxPixels  = 1 << 14 // of a picture's side
	maxSteps   = 1 << 10 // to make it in
)

// anyNumber is a number; Ollama says what it makes of it.
func anyNumber(v []byte) ([]byte, string) {
	if _, err := strconv.ParseFloat(string(v), 64); err != nil {
		return nil, "must be a number"
	}
	return v, ""
}

// whole is a whole number from least to most, which may be written with a fraction of zero: sliders do.
func whole(least, most int64) check {
	must := fmt.Sprintf("must be a whole number from %d to %d", least, most)
	return func(v []byte) ([]byte, string) {
		n, err := strconv.ParseFloat(string(v), 64)
		if err != nil || n != math.Trunc(n) || n < float64(least) || n > float64(most) {
			return nil, must
		}
		return strconv.AppendInt(nil, int64(n), 10), ""
	}
}

// cut is a whole number from least to most, of one that may have a fraction: Ollama cuts it off its options.
func cut(least, most int64) check {
	must := fmt.Sprintf("must be a number from %d to %d", least, most)
	return func(v []byte) ([]byte, string) {
		n, err := strconv.ParseFloat(string(v), 64)
		if n = math.Trunc(n); err != nil || n < float64(least) || n > float64(most) {
			return nil, must
		}
		return strconv.AppendInt(nil, int64(n), 10), ""
	}
}

// inputs are what to embed: one text or a list of them.
func inputs(v []byte) ([]byte, string) { return textsOr(v, "must be a string or a list of strings") }

// stops end an answer.
func stops(v []byte) ([]byte, string) {
	if v[0] != '[' {
		return nil, mustBeTexts
	}
	return textsOr(v, mustBeTexts)
}

// stopOrStops is stops, or one of them.
func stopOrStops(v []byte) ([]byte, string) {
	return textsOr(v, "must be a string or a list of strings")
}

const mustBeTexts = "must be a list of strings"

// textsOr is a text or a list of texts, and else must.
func textsOr(v []byte, must string) ([]byte, string) {
	switch v[0] {
	case '"':
		return v, ""
	case '[':
		for e := range rawjson.Elements(v) {
			if e[0] != '"' {
				return nil, must
			}
		}
		return v, ""
	}
	return nil, must
}

// isNothing reports whether a value says nothing.
func isNothing(v []byte) bool { return string(v) == "false" || string(v) == `""` }

// options are those of Ollama that steer one answer. The others are about the model as it is loaded for everybody.
var options = fields{
	"temperature":       {be: anyNumber},
	"top_p":             {be: anyNumber},
	"top_k":             {be: cut(-maxNumber, maxNumber)},
	"min_p":             {be: anyNumber},
	"typical_p":         {be: anyNumber},
	"seed":              {be: cut(-maxSeed, maxSeed)},
	"repeat_last_n":     {be: cut(-1, mostTokens)},
	"repeat_penalty":    {be: anyNumber},
	"presence_penalty":  {be: anyNumber},
	"frequency_penalty": {be: anyNumber},
	"num_keep":          {be: cut(-1, mostTokens)},
	"num_ctx":           {be: cut(1, mostTokens)},
	"num_predict":       {be: cut(anyTokens, mostTokens), use: theLimit},
	"stop":              {be: stops},
}
