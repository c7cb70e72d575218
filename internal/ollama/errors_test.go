package ollama

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestStatusError_Kinds(t *testing.T) {
	for _, x := range []struct {
		status  int
		body    string
		kind    error
		message string
	}{
		{400, `{"error":"\"tiny-embed\" does not support chat"}`, ErrBadRequest, `"tiny-embed" does not support chat`},
		{400, `{"error":"the input length exceeds the context length"}`, ErrBadRequest, "the input length exceeds the context length"},
		{404, `{"error":"model 'nope' not found"}`, ErrModelNotFound, "model 'nope' not found"},
		{404, `{"error":"model \"nope\" not found, try pulling it first"}`, ErrModelNotFound, `model "nope" not found, try pulling it first`},
		{404, "404 page not found", ErrNotServed, messageNotServed},
		{401, `{"error":"unauthorized"}`, ErrFailed, messageRefused},
		{403, `{"error":"access denied"}`, ErrFailed, messageRefused},
		{413, `{"error":"too large"}`, ErrBadRequest, "too large"},
		{403, "", ErrFailed, messageRefused},
		{302, `<a href="/elsewhere">Found</a>`, ErrFailed, messageRefused},
		{500, `{"error":"an error was encountered while running the model: unexpected EOF"}`, ErrFailed, "an error was encountered while running the model: unexpected EOF"},
		{500, "", ErrFailed, messageRefused},
		{500, `{"error":{"message":"out of memory"}}`, ErrFailed, "out of memory"},
		{503, `{"error":"server busy, please try again.  maximum pending requests exceeded"}`, ErrUnavailable, messageBusy},
		{429, `{"error":"too many"}`, ErrUnavailable, messageBusy},
		{502, "<html>nginx</html>", ErrUnavailable, messageUnreachable},
		{504, "", ErrUnavailable, messageUnreachable},
	} {
		e := StatusError(x.status, []byte(x.body))
		if !errors.Is(e, x.kind) || e.Message != x.message || e.Status != x.status {
			t.Errorf("%d %s: %v, want %v: %s", x.status, x.body, e, x.kind, x.message)
		}
		if strings.Count(e.Error(), e.Message) != 1 {
			t.Errorf("%d %s is told as %s", x.status, x.body, e.Error())
		}
		if (e.RetryAfter > 0) != errors.Is(x.kind, ErrUnavailable) {
			t.Errorf("%d: retry after %v", x.status, e.RetryAfter)
		}
	}
}

func TestSafeText_Internals(t *testing.T) {
	for said, want := range map[string]string{
		`do load request: Post "http://127.0.0.1:43121/load": EOF`:                `do load request: Post " […]": EOF`,
		`dial tcp 10.96.0.10:53: i/o timeout`:                                     `dial tcp […]: i/o timeout`,
		`dial tcp [::1]:11434: connect: connection refused`:                       `dial tcp […]: connect: connection refused`,
		`dial localhost:11434 failed`:                                             `dial […] failed`,
		`open /srv/ollama/models/blobs/sha256-cdc0: no such file`:                 `open […] no such file`,
		`unable to load model: ("/root/.ollama/x")`:                               `unable to load model: ( […]")`,
		`open C:\Users\me\model.gguf failed`:                                      `open […] failed`,
		`registry.ollama.ai/library/tiny-chat:latest does not support tools`:      `registry.ollama.ai/library/tiny-chat:latest does not support tools`,
		`model requires more system memory (5.6 GiB) than is available (3.1 GiB)`: `model requires more system memory (5.6 GiB) than is available (3.1 GiB)`,
		"two\r\nlines\x00\x1b[31m and\tmore\u202e\xff":                            "two lines[31m and more",
		"": "",
	} {
		if got := SafeText(said); got != want {
			t.Errorf("SafeText(%q)\n got %q\nwant %q", said, got, want)
		}
	}
	if got := SafeText(strings.Repeat("é", 1000)); len(got) > maxMessage+len("…") || !strings.HasPrefix(got, "éé") {
		t.Errorf("a long message is %d bytes: %q", len(got), got)
	}
}

func TestError_ForTheLog(t *testing.T) {
	e := StatusError(500, []byte(`{"error":"open /secret/path"}`))
	if want := "ollama: upstream failed: open […] (status 500): open /secret/path"; e.Error() != want {
		t.Errorf("%s, want %s", e, want)
	}
}

// FuzzStatusError checks that whatever a server says in place of an answer becomes one line that tells nothing of the inside, and
// stays what it is when it is said again.
func FuzzStatusError(f *testing.F) {
	f.Add(500, []byte(`{"error":"open /root/x: dial tcp 10.0.0.1:80"}`), "http://h/x\n")
	f.Add(404, []byte(`{"error":{"message":"a\u0000\u202eb"}}`), "[::1]:5 C:\\x")
	f.Add(503, []byte("<html>"), "a.b:8080/x")
	f.Fuzz(func(t *testing.T, status int, body []byte, text string) {
		e := StatusError(status, body)
		if e.Message == "" || e.Kind == nil || errors.Is(e, ErrUnavailable) != (e.RetryAfter > 0) {
			t.Errorf("%d %q: %+v", status, body, e)
		}
		for _, said := range []string{e.Message, SafeText(text), SafeText(ErrorText(body)), ModelError(text).Message} {
			if !utf8.ValidString(said) || len(said) > maxMessage+len("…") || strings.ContainsAny(said, "\r\n\t\x00\u202e") {
				t.Errorf("%q, %q: %q", body, text, said)
			}
			if len(said) <= maxMessage && SafeText(said) != said {
				t.Errorf("%q, %q: %q becomes %q", body, text, said, SafeText(said))
			}
		}
	})
}

// TestError_WithoutQuotes checks that the log is told what an upstream says, but for what it quotes of prompts and answers.
func TestError_WithoutQuotes(t *testing.T) {
	for said, want := range map[string]string{
		`error parsing tool call: raw='{"x":"it's a secret"}', err=invalid character`: `error parsing tool call: raw='…', err=invalid character`,
		`invalid role "a secret", must be "user"`:                                     `invalid role "…"`,
		`model 'nope' not found`:                                                      `model 'nope' not found`,
		`"tiny-embed" does not support chat`:                                          `"tiny-embed" does not support chat`,
		"an error was encountered: it's dead":                                         "an error was encountered: it's dead",
		"template: `{{ a secret }}` fails":                                            "template: `…` fails",
	} {
		if got := ModelError(said).Error(); got != "ollama: upstream failed: "+want {
			t.Errorf("%s is logged as %s", said, got)
		}
	}
}
