package gateway

import (
	"strings"
	"testing"
)

// TestDecode_TextLength checks that all that a model reads counts but blanks and the data of images, each of which counts
// the same.
func TestDecode_TextLength(t *testing.T) {
	long := strings.Repeat("x", 1_000_000)
	for _, c := range []struct {
		call  *modelCall
		field string // but for the data of images, as it counts
		data  []string
	}{
		{ollamaChat, `"messages":[{"role":"user","content":"hi"}]`, nil},
		{ollamaChat, `"tools":[{"` + long + `":[1,2,3]}]`, nil},
		{ollamaChat, `"tools":[{"images":["` + long + `"],"source":{"data":"` + long + `"}}]`, nil},
		{ollamaChat, `"messages":[{"content":"hi","images":[$,$]},{"images":[$]}]`, []string{long, "", "x"}},
		{ollamaChat, `"messages":[{"image_url":{"url":"data:` + long + `"}}]`, nil},
		{ollamaChat, `"messages":[{"a":{},"images":["` + long + `"],"images":[$,{}]},1,{}]`, []string{"x"}},
		{ollamaGenerate, `"images":[$,$,$]`, []string{long, long, "x"}},
		{ollamaGenerate, `"context":[1,2,3]`, nil},
		{openAIChat, `"messages":[{"content":[{"type":"image_url","image_url":{"url":$}},{"image_url":$}]}]`, []string{"data:" + long, "data:" + long}},
		{openAIChat, `"messages":[{"content":[{"type":"image_url","image_url":{"url":"` + long + `","detail":"low"}}]}]`, nil},
		{openAIChat, `"messages":[{"content":"hi","images":["` + long + `"]}]`, nil},
		{anthropicMessages, `"messages":[{"content":[{"type":"image","source":{"data":$,"type":"base64"}}]}]`, []string{long}},
		{anthropicMessages, `"messages":[{"content":[{"type":"tool_result","content":[{"type":"image","source":{"data":$}}]}]}]`, []string{long}},
		{anthropicMessages, `"messages":[{"content":[{"type":"tool_use","input":{"source":{"data":"` + long + `"}}}]}]`, nil},
	} {
		_, value, _ := strings.Cut(c.field, ":")
		want := len(value) - strings.Count(value, "$") + len(c.data)*imageText
		body := c.field
		for _, data := range c.data {
			body = strings.Replace(body, "$", `"`+data+`"`, 1)
		}
		q, err := decode(c.call, []byte(`{"model":"m",`+body+`}`), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if q.prompt.Text != want {
			t.Errorf("%.80s: %d, want %d", c.field, q.prompt.Text, want)
		}
	}
	pretty, err := decode(ollamaChat, []byte("{\"model\":\"m\",\"messages\": [\n\t{ \"role\" : \"user\",\r\n \"content\": \"a b\" }\n]}"), Options{})
	if want := len(`[{"role":"user","content":"a b"}]`); err != nil || pretty.prompt.Text != want {
		t.Errorf("blanks count: %+v, %v, want %d", pretty, err, want)
	}
}

// TestDecode_EmptyPrompt checks that a prompt is empty only if it has no content: blanks and brackets are some.
func TestDecode_EmptyPrompt(t *testing.T) {
	for _, c := range []struct {
		call *modelCall
		body string
		want bool
	}{
		{ollamaGenerate, `"prompt":""`, false},
		{ollamaGenerate, `"prompt":"[]"`, true},
		{ollamaGenerate, `"prompt":"\""`, true},
		{ollamaGenerate, `"prompt":" "`, true},
		{ollamaChat, `"messages":[ ]`, false},
		{ollamaChat, `"messages":[[]]`, true},
		{ollamaChat, `"messages":[""]`, true},
	} {
		if q, err := decode(c.call, []byte(`{"model":"m",`+c.body+`}`), Options{}); err != nil || q.prompt.Given != c.want {
			t.Errorf("%s: %v, %v", c.body, q, err)
		}
	}
}
