package ollama

import (
	"errors"
	"strings"
	"testing"
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
