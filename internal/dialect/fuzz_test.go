package dialect

import (
	"bufio"
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/paddock-gate/paddock/internal/ollama"
	"github.com/paddock-gate/paddock/internal/rawjson"
)

var everyDialect = [...]Dialect{Ollama, OpenAI, Anthropic, Responses}

func FuzzStream_Ollama(f *testing.F) {
	fuzzStream(f, Ollama,
		`{"message":{"content":"\"done\":true"},"done":false}`+"\n"+`{"done":true,"prompt_eval_count":5,"eval_count":3}`+"\n",
		`{"error":"x"}`+"\n", `{"done": true}`, "\n\r\n{}")
}

func FuzzStream_OpenAI(f *testing.F) {
	fuzzStream(f, OpenAI,
		"data: {\"choices\":[{\"delta\":{},\"finish_reason\":null}],\"usage\":{\"prompt_tokens\":1}}\n\n: ping\n\ndata: {\"choices\":[],\"usage\":{\"prompt_tokens\":5}}\n\ndata: [DONE]\n\n",
		"data:{\"error\":{\"message\":\"x\"}}\r\n\r\n", "data: [DONE]")
}

func FuzzStream_Anthropic(f *testing.F) {
	fuzzStream(f, Anthropic,
		"event: content_block_delta\ndata: {}\n\nevent: message_delta\ndata: {\"usage\":{\"output_tokens\":3}}\n\nevent: message_stop\ndata: {}\n\n",
		"event: error\ndata: {\"error\":{\"message\":\"x\"}}\n\n")
}

func FuzzStream_Responses(f *testing.F) {
	fuzzStream(f, Responses,
		"event: response.created\ndata: {\"sequence_number\":0,\"response\":{\"id\":\"r\"}}\n\nevent: response.output_text.delta\ndata: {\"sequence_number\":1}\n\n"+
			"event: response.completed\ndata: {\"response\":{\"usage\":{\"input_tokens\":5,\"output_tokens\":3}}}\n\n",
		"event: response.failed\ndata: {\"response\":{\"error\":{\"message\":\"x\"}}}\n\n")
}

// fuzzStream checks that what is made of a stream does not depend on how it is cut into packets, that the client is shown its units
// as they are, or without their usage, and that counts are sane.
func fuzzStream(f *testing.F, d Dialect, seeds ...string) {
	for _, s := range seeds {
		f.Add([]byte(s), uint8(1), false, false)
		f.Add([]byte(s), uint8(7), true, true)
	}
	f.Fuzz(func(t *testing.T, stream []byte, packet uint8, usage, everywhere bool) {
		made := Stream{Dialect: d, Usage: usage, UsageEverywhere: everywhere}
		whole, cut := made, made
		shown, over, err := relay(t, &whole, stream, len(stream))
		again, overAgain, errAgain := relay(t, &cut, stream, max(int(packet), 1))
		if !bytes.Equal(shown, again) || over != overAgain || !reflect.DeepEqual(err, errAgain) || !reflect.DeepEqual(whole, cut) {
			t.Fatalf("%q: %q, %t, %v, %+v; in packets of %d: %q, %t, %v, %+v", stream, shown, over, err, whole, packet, again, overAgain, errAgain, cut)
		}
		if whole.Prompt < 0 || whole.Completion < 0 || whole.Produced < 0 || whole.Produced > int64(len(stream)) {
			t.Errorf("%q: %+v", stream, whole)
		}
		if fault := new(ollama.Error); err != nil && (!asError(err, &fault) || fault.Message == "") {
			t.Errorf("%q fails with %v", stream, err)
		}
		told := whole.Error(d.ErrorBody(t.Context(), 500, "INTERNAL", "x"))
		if whole.End(told) == 0 {
			t.Errorf("%q is not whole", told)
		}
	})
}

func asError(err error, to **ollama.Error) (ok bool) {
	*to, ok = err.(*ollama.Error) //nolint:errorlint // as they are made
	return ok
}

// relay reads a stream that comes in packets of the size.
func relay(t *testing.T, s *Stream, stream []byte, size int) (shown []byte, over bool, err error) {
	t.Helper()
	var buf []byte
	for packet := range slices.Chunk(stream, max(size, 1)) {
		buf = append(buf, packet...)
		for n := s.End(buf); n > 0; n = s.End(buf) {
			unit := buf[:n]
			var part []byte
			part, over, err = s.Read(bytes.Clone(unit))
			if len(part) > n || len(part) > 0 && !bytes.Equal(part, unit) && !s.UsageEverywhere {
				t.Fatalf("%q is shown as %q", unit, part)
			}
			shown = append(shown, part...)
			if buf = buf[n:]; over || err != nil {
				return shown, over, err
			}
		}
	}
	if last, ok := s.Whole(buf); ok && s.End(last) != len(last) {
		t.Fatalf("%q is not one unit", last)
	}
	return shown, over, err
}

// FuzzParseEvent checks events against a reading of the specification, by lines.
func FuzzParseEvent(f *testing.F) {
	for _, s := range []string{"event: a\ndata: b\n\n", "data:b\r\ndata: c\r\n\r\n", "data\n\n", ":x\n\n", "id: 1\nevent:\n\ndata: y\n\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		n := eventEnd(b)
		var want event
		read := 0
		for lines := bufio.NewScanner(bytes.NewReader(b[:n])); lines.Scan(); {
			line := lines.Text()
			key, value, _ := strings.Cut(line, ":")
			value = strings.TrimPrefix(value, " ")
			switch {
			case key == "event" && want.name == nil:
				want.name = []byte(value)
			case key == "data" && want.data == nil:
				want.data = []byte(value)
			case line == "" && read > 0 && lines.Scan():
				t.Fatalf("%q is more than one event", b[:n])
			}
			read++
		}
		if got := parseEvent(b[:n]); string(got.name) != string(want.name) || string(got.data) != string(want.data) {
			t.Errorf("%q is %q, want %q", b[:n], got, want)
		}
		if n == 0 && (bytes.Contains(b, []byte("\n\n")) || bytes.Contains(b, []byte("\n\r\n"))) {
			t.Errorf("%q has no end", b)
		}
	})
}

// FuzzTally checks that counts are found wherever an answer is cut, and whatever a model says before and after them.
func FuzzTally(f *testing.F) {
	f.Add("hi", uint64(5), uint64(3), `"eval_count":7`, uint16(20), uint16(40))
	f.Add("\"prompt_tokens\":1", uint64(0), uint64(math.MaxUint64), "", uint16(64), uint16(65))
	f.Fuzz(func(t *testing.T, before string, prompt, completion uint64, after string, first, second uint16) {
		for _, d := range everyDialect {
			keys := countKeys[d]
			said, _ := json.Marshal([]string{before, after})
			number := func(n uint64) []byte { b, _ := json.Marshal(n); return b }
			answer := slices.Concat([]byte(`{"said":`), said, []byte(","+keys.prompt), number(prompt), []byte(","+keys.completion+" "), number(completion),
				[]byte(`,"said":`), said, []byte("}"))
			a, b := min(int(first), len(answer)), min(int(second), len(answer))
			tally := NewTally(d)
			for _, part := range [][]byte{answer[:min(a, b)], answer[min(a, b):max(a, b)], answer[max(a, b):]} {
				_, _ = tally.Write(part)
			}
			p, c, size := tally.Counts()
			if !isCount(p, prompt) || !isCount(c, completion) || size != len(answer) {
				t.Fatalf("dialect %d: %s at %d and %d: %d, %d, %d", d, answer, a, b, p, c, size)
			}
			if p, c := d.Counts(answer); d != Responses && (!isCount(p, prompt) || !isCount(c, completion)) {
				t.Fatalf("dialect %d: %s: %d, %d", d, answer, p, c)
			}
		}
	})
}

// isCount reports whether got is n, or large if n is beyond all reason.
func isCount(got int64, n uint64) bool {
	return uint64(got) == n || n > 1<<40 && got > 1<<40 && uint64(got) < n
}

// FuzzRemark checks that nothing but the names of models and known reasons is ever taken out of an answer, for the log.
func FuzzRemark(f *testing.F) {
	f.Add([]byte(`{"model":"a","done_reason":"stop","choices":[{"finish_reason":"length"}]}`))
	f.Add([]byte("event: x\ndata: {\"message\":{\"model\":\"a:b\",\"stop_reason\":\"end_turn\"}}\n\n"))
	f.Fuzz(func(t *testing.T, unit []byte) {
		for _, d := range everyDialect {
			model, reason := d.Remark(unit)
			if name, err := ollama.Canonical(model); model != "" && (err != nil || name != model) || reason != "" && !slices.Contains(finishReasons, reason) {
				t.Errorf("%q says %q, %q", unit, model, reason)
			}
		}
		if size, _ := Said(unit); size < 0 || size > 3*len(unit) { // U+FFFD for a byte that is no UTF-8
			t.Errorf("%q says %d bytes", unit, size)
		}
	})
}

// FuzzImages checks the count of images against a reading with encoding/json.
func FuzzImages(f *testing.F) {
	for _, s := range []string{
		`{"images":["aGk=",1]}`, `{"messages":[{"images":["x"],"content":[{"image_url":{"url":"data:x"}},{"image_url":"data:y"},{"source":{"data":"z"}}]}]}`,
		`{"input":[{"content":[{"image_url":"data:x"}],"output":[{"image_url":"data:y"}]}]}`,
		`{"messages":[{"content":[{"content":[{"source":{"data":"z"}}]}]}]}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		all, err := rawjson.Members(body, IsImageKey)
		if err != nil || bytes.ContainsRune(body, '\\') { // an escaped key is none, and what stands there counts as text
			return
		}
		for _, field := range all {
			var value any
			if err := json.Unmarshal(field.Value, &value); err != nil {
				t.Fatal(err)
			}
			for _, d := range everyDialect {
				n, size := d.Images(field)
				wantN, wantSize := imagesIn(d, field.Key, value)
				if n != wantN || size != wantSize || size > field.Text {
					t.Errorf("dialect %d: %s: %d images of %d bytes, want %d of %d", d, body, n, size, wantN, wantSize)
				}
			}
		}
	})
}

func imagesIn(d Dialect, key string, value any) (n, size int) {
	count := func(v any, begin string) {
		if s, ok := v.(string); ok && strings.HasPrefix(s, begin) {
			n, size = n+1, size+len(s)+2
		}
	}
	get := func(v any, key string) any {
		object, _ := v.(map[string]any)
		return object[key]
	}
	list := func(v any) []any {
		all, _ := v.([]any)
		return all
	}
	parts := func(v any) {
		for _, part := range list(v) {
			if d == Anthropic {
				count(get(get(part, "source"), "data"), "")
				for _, inner := range list(get(part, "content")) {
					count(get(get(inner, "source"), "data"), "")
				}
				continue
			}
			url := get(part, "image_url")
			if _, ok := url.(map[string]any); ok {
				url = get(url, "url")
			}
			count(url, "data:")
		}
	}
	switch {
	case key == "images":
		for _, v := range list(value) {
			count(v, "")
		}
	case d == Responses && key == "input":
		for _, item := range list(value) {
			parts(get(item, "content"))
			parts(get(item, "output"))
		}
	case key != "messages":
	default:
		for _, message := range list(value) {
			if d == Ollama {
				for _, v := range list(get(message, "images")) {
					count(v, "")
				}
				continue
			}
			parts(get(message, "content"))
		}
	}
	return n, size
}
