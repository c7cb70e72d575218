package gateway

import (
	"cmp"
	"strconv"
	"strings"

	"connectrpc.com/connect"

	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/dialect"
	"github.com/paddock-gate/paddock/internal/ollama"
	"github.com/paddock-gate/paddock/internal/rawjson"
	"github.com/paddock-gate/paddock/internal/relay"
)

// request is a checked request for a model.
type request struct {
	call         *modelCall
	limits       Options
	model        string           // canonical
	spelled      string           // as it goes upstream
	fields       []rawjson.Member // that go upstream, but for those below
	options      []rawjson.Member // of Ollama, without num_predict
	limit        int64            // most tokens to answer with; 0: none asked for
	noLimit      []byte           // asked for in its place, in Ollama's terms: 0 or less
	stream       bool
	wantsUsage   bool // in an OpenAI stream
	prompt       relay.Prompt
	keepAlive    *rawjson.Member // nil: none
	tools        toolFilter
	toolChoice   *rawjson.Member // nil: none
	conversation string          // its name, as the client gives it; may be empty
}

func invalid(field, description string) *connect.Error { return apierr.Invalid(field, description) }

// decode checks a body. Its errors are the client's to see.
func decode(call *modelCall, body []byte, limits Options) (*request, error) {
	all, err := rawjson.Members(body, dialect.IsImageKey)
	if err != nil {
		return nil, invalid("", err.Error())
	}
	q := &request{call: call, limits: limits, stream: call.streams, tools: toolFilter{dialect: call.dialect}, fields: make([]rawjson.Member, 0, len(all))}
	if err := q.take(call.fields, all, &q.fields); err != nil {
		return nil, err
	}
	switch {
	case q.model == "":
		return nil, invalid("", "model is required")
	case q.keepAlive != nil:
		if err := q.keepLoaded(*q.keepAlive); err != nil {
			return nil, err
		}
	}
	if c := q.toolChoice; c != nil && (limits.AllowCloud || !q.tools.wants(c.Value)) {
		q.fields = append(q.fields, *c)
	}
	return q, nil
}

// take checks the members of an object by their rules, and appends to kept those that go upstream as they are.
func (q *request) take(rules fields, all []rawjson.Member, kept *[]rawjson.Member) error {
	for _, m := range all {
		r, ok, err := rules.find(m.Key)
		if err != nil {
			return err
		}
		if !ok || string(m.Value) == "null" {
			continue
		}
		value, must := r.be(m.Value)
		if must != "" {
			return invalid(m.Key, must)
		}
		m.Value, m.Key = value, cmp.Or(r.as, m.Key)
		if err := q.put(r.use, m, kept); err != nil {
			return err
		}
	}
	return nil
}

func (q *request) put(u use, m rawjson.Member, kept *[]rawjson.Member) error {
	switch u {
	case forward:
		*kept = append(*kept, m)
	case prompt:
		q.read(m, kept)
	case forbid:
		if !isNothing(m.Value) {
			return invalid(m.Key, "is not allowed here")
		}
	case keepAlive:
		q.keepAlive = &m
	case theModel:
		return q.name(rawjson.Unquote(m.Value))
	case theSystem:
		m.Value = withoutBilling(m.Value)
		q.read(m, kept)
	case theTools:
		return q.takeTools(m, kept)
	case theToolChoice:
		q.toolChoice = &m
	case theConversation:
		q.conversation = rawjson.Unquote(m.Value)
	case theStream:
		q.stream = m.Value[0] == 't'
	case theLimit:
		q.lower(m.Value)
	case theUsage, theOptions:
		return q.nested(u, m)
	}
	return nil
}

// imageText is the text that an image counts as: it costs a model some thousand tokens, however long its base64 is.
const imageText = 3 << 10

// read takes a field that the model reads.
func (q *request) read(m rawjson.Member, kept *[]rawjson.Member) {
	*kept = append(*kept, m)
	images, size := q.call.dialect.Images(m)
	q.prompt.Text += min(m.Text, len(m.Value)) - size + images*imageText
	q.prompt.Images += images
	if m.Key == "messages" || m.Key == "prompt" || m.Key == "input" {
		q.prompt.Given = m.Text > len("[]") // or the quotes of a text
	}
}

// takeTools takes the tools that the client runs, and hosted ones where cloud models are allowed.
func (q *request) takeTools(m rawjson.Member, kept *[]rawjson.Member) error {
	if !q.limits.AllowCloud {
		own, _, must := q.tools.list(m.Value, q.call.dialect == dialect.Responses)
		if must != "" {
			return invalid(m.Key, must)
		}
		if m.Value = own; string(own) == "null" {
			return nil
		}
	}
	q.read(m, kept)
	return nil
}

func (q *request) nested(u use, m rawjson.Member) error {
	all, err := rawjson.Members(m.Value, nil)
	if err != nil {
		return invalid(m.Key, err.Error())
	}
	if u == theOptions {
		return q.take(options, all, &q.options)
	}
	for _, o := range all {
		if o.Key == "include_usage" {
			q.wantsUsage = string(o.Value) == "true"
		}
	}
	return nil
}

// name sets the model. A client finds the name that it asked for in the answer, if Ollama lists it so or with ":latest",
// in whatever case: to Ollama, as to the lists of what may be used, that makes no other model.
func (q *request) name(asked string) error {
	if asked == "" {
		return nil
	}
	name, err := ollama.Canonical(asked)
	if err != nil {
		return invalid("model", "is no model name")
	}
	if q.model != "" && q.model != name {
		return invalid("model", "is named twice")
	}
	q.model, q.spelled = name, name
	if strings.EqualFold(asked, name) || strings.EqualFold(asked, strings.TrimSuffix(name, ":latest")) {
		q.spelled = asked
	}
	return nil
}

// lower takes a limit, unless a lower one is asked for already. Ollama takes those that are not positive for none.
func (q *request) lower(value []byte) {
	n, _ := strconv.ParseInt(string(value), 10, 64)
	switch {
	case n <= 0:
		q.noLimit = value
	case q.limit == 0 || n < q.limit:
		q.limit = n
	}
}

// encode writes the request anew, in pieces, with a limit for the answer's tokens; 0 is none.
func (q *request) encode(limit int64) *ollama.Body {
	return ollama.NewBody(pieces(q.members(limit))...)
}

// members returns what goes upstream. A client of Ollama's that asks for no limit gets none, even if the model has one of its own.
func (q *request) members(limit int64) []rawjson.Member {
	all := append([]rawjson.Member{{Key: "model", Value: strconv.AppendQuote(nil, q.spelled)}}, q.fields...)
	add := func(key string, value []byte) { all = append(all, rawjson.Member{Key: key, Value: value}) }
	number := strconv.AppendInt(nil, limit, 10)
	d := q.call.dialect
	if d == dialect.Ollama {
		options := q.options
		if limit == 0 {
			number = q.noLimit
		}
		if number != nil {
			options = append(options, rawjson.Member{Key: "num_predict", Value: number})
		}
		if len(options) > 0 {
			add("options", rawjson.AppendObject(nil, options))
		}
		if q.call.streams {
			add("stream", strconv.AppendBool(nil, q.stream))
		}
		return append(all, q.call.adds...)
	}
	if limit > 0 {
		add(limitField[d], number)
	}
	if q.stream {
		add("stream", []byte("true"))
	}
	if q.stream && d == dialect.OpenAI {
		add("stream_options", []byte(`{"include_usage":true}`))
	}
	return all
}

// limitField is what the limit of an answer's tokens is called.
var limitField = [...]string{dialect.OpenAI: "max_tokens", dialect.Anthropic: "max_tokens", dialect.Responses: "max_output_tokens"}

// copied is the longest value that is copied: a longer one is a piece of its own.
const copied = 4 << 10

// pieces makes an object like appendObject, without copying what is large.
func pieces(all []rawjson.Member) [][]byte {
	var done [][]byte
	b := make([]byte, 0, 512)
	for i, m := range all {
		b = append(b, "{,"[min(i, 1)], '"')
		b = append(b, m.Key...)
		b = append(b, '"', ':')
		if len(m.Value) <= copied {
			b = append(b, m.Value...)
			continue
		}
		done = append(done, b, m.Value)
		b = nil
	}
	return append(done, append(b, '}'))
}

// load returns what the request says of how to load its model.
func (q *request) load() (l ollama.Load) {
	for _, m := range q.options {
		if m.Key == "num_ctx" {
			l.NumCtx, _ = strconv.ParseInt(string(m.Value), 10, 64)
		}
	}
	for _, m := range q.fields {
		if m.Key == "shift" {
			l.Shift = new(string(m.Value) == "true")
		}
	}
	return l
}
