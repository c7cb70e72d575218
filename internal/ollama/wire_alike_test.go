package ollama_test

import (
	"bufio"
	_ "embed"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
)

// asked are requests of every dialect, one a line: method, path, body.
//
//go:embed testdata/asked.txt
var asked string

// TestAnswersAlike: the test Ollama answers each of asked byte for byte as a real one does, but for ids, times, and the
// tokens of a context that Ollama itself calls deprecated.
func TestAnswersAlike(t *testing.T) {
	baseURL := os.Getenv("OLLAMA_TEST_URL")
	if baseURL == "" {
		t.Skip("real Ollama: not run: OLLAMA_TEST_URL is not set (make test-ollama sets it)")
	}
	s := ollamatest.Start(t)
	for lines := bufio.NewScanner(strings.NewReader(asked)); lines.Scan(); {
		if lines.Text() == "" || strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		method, rest, _ := strings.Cut(lines.Text(), " ")
		path, body, _ := strings.Cut(rest, " ")
		t.Run(path, func(t *testing.T) {
			want, got := answered(t, method, baseURL+path, body), answered(t, method, s.URL+path, body)
			if got != want {
				t.Errorf("%s\ngot  %.3000s\nwant %.3000s", body, got, want)
			}
		})
	}
}

// varies is what differs from one answer of a real server to the next.
var varies = regexp.MustCompile(`"(created|created_at|completed_at|modified_at)":("[^"]*"|\d+)|,"((total|load|prompt_eval|eval)_duration":\d+|context":\[[0-9,]*\])|\b(chatcmpl-|cmpl-|resp_|msg_|rs_|fc_|call_|req_)[0-9a-z_]+`)

// answered returns an answer without what varies.
func answered(t *testing.T, method, url, body string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var b strings.Builder
	b.WriteString(response.Status)
	for _, name := range []string{"Content-Type", "Cache-Control", "Location", "Allow"} {
		b.WriteString("\n" + name + ": " + response.Header.Get(name))
	}
	b.WriteString("\n\n")
	if _, err := io.Copy(&b, response.Body); err != nil {
		t.Fatal(err)
	}
	return varies.ReplaceAllString(b.String(), "$5")
}
