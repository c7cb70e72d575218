package gateway

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"
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
	keepAlive            // is left out, and refused where it would unload the model
	theModel
	theStream  // whether the answer shall be streamed
	theOptions // Ollama's, with rules of their own
	theLimit   // most tokens to answer with
	theUsage   // OpenAI's stream_options
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
	maxTokens  = 131_072 // of num_ctx and of an answer
	maxStops   = 256     // each of which is looked for in all that is said
	maxStop    = 200
	maxInputs  = 2048
	maxNumber  = 1 << 31
	maxSeed    = 1 << 53 // beyond it, a JSON number is not what it seems
	anyTokens  = -1 << 31
	mostTokens = 1<<31 - 1
)

// number is one from least to most.
func number(least, most float64) check {
	must := fmt.Sprintf("must be a number from %v to %v", least, most)
	return func(v []byte) ([]byte, string) {
		n, err := strconv.ParseFloat(string(v), 64)
		if err != nil || n < least || n > most {
			return nil, must
		}
		return v, ""
	}
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
func inputs(v []byte) ([]byte, string) {
	const must = "must be a string or a list of at most 2048 strings"
	if v[0] == '[' {
		return texts(v, maxInputs, len(v), must)
	}
	return begins(`"`, must)(v)
}

// stops end an answer.
func stops(v []byte) ([]byte, string) {
	const must = "must be a list of at most 256 strings of 1 to 200 bytes"
	if v[0] != '[' {
		return nil, must
	}
	return texts(v, maxStops, maxStop, must)
}

// stopOrStops is stops, or one of them.
func stopOrStops(v []byte) ([]byte, string) {
	if v[0] == '"' && len(v) <= maxStop+2 {
		return v, ""
	}
	return stops(v)
}

func texts(v []byte, most, longest int, must string) ([]byte, string) {
	all := elements(v)
	if len(all) > most {
		return nil, must
	}
	for _, e := range all {
		if e[0] != '"' || len(e) > longest+2 {
			return nil, must
		}
	}
	return v, ""
}

// localTools are tools that the client runs. Anthropic's web_search would make the upstream search the web.
func localTools(v []byte) ([]byte, string) {
	if v[0] != '[' {
		return nil, "must be a list"
	}
	for _, e := range elements(v) {
		tool, err := members(e)
		if err != nil {
			return nil, "must be a list of objects"
		}
		for _, m := range tool {
			if strings.EqualFold(m.key, "type") && string(m.value) != `"custom"` && string(m.value) != "null" {
				return nil, "must be of type custom"
			}
		}
	}
	return v, ""
}

// isNothing tells whether a value says nothing.
func isNothing(v []byte) bool { return string(v) == "false" || string(v) == `""` }

// isNoTime tells whether a duration, as a number of seconds or as Go writes it, is none at all.
func isNoTime(v []byte) bool { return string(v) != `""` && len(bytes.Trim(v, `"+-0.hmsunµ`)) == 0 }

// options are those of Ollama that steer one answer. The others are about the model as it is loaded for everybody.
var options = fields{
	"temperature":       {be: number(-maxNumber, maxNumber)},
	"top_p":             {be: number(0, 1)},
	"top_k":             {be: cut(-maxNumber, maxNumber)},
	"min_p":             {be: number(0, 1)},
	"typical_p":         {be: number(-maxNumber, maxNumber)},
	"seed":              {be: cut(-maxSeed, maxSeed)},
	"repeat_last_n":     {be: cut(-1, maxTokens)},
	"repeat_penalty":    {be: number(-maxNumber, maxNumber)},
	"presence_penalty":  {be: number(-maxNumber, maxNumber)},
	"frequency_penalty": {be: number(-maxNumber, maxNumber)},
	"num_keep":          {be: cut(-1, maxTokens)},
	"num_ctx":           {be: cut(1, maxTokens)},
	"num_predict":       {be: cut(anyTokens, mostTokens), use: theLimit},
	"stop":              {be: stops},
}
