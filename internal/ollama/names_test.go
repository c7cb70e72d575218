package ollama

import (
	"errors"
	"strings"
	"testing"
)

func TestCanonicalGivesOneSpelling(t *testing.T) {
	for _, x := range []struct{ name, want string }{
		{"tiny-chat", "tiny-chat:latest"},
		{"TINY-CHAT", "tiny-chat:latest"},
		{"tiny-chat:latest", "tiny-chat:latest"},
		{"library/tiny-chat:LATEST", "tiny-chat:latest"},
		{"registry.ollama.ai/library/tiny-chat", "tiny-chat:latest"},
		{"https://registry.ollama.ai/library/tiny-chat", "tiny-chat:latest"},
		{"HTTP://Registry.Ollama.AI/Library/Tiny-Chat:X", "tiny-chat:x"},
		{"llama3.2:3b-instruct-q4_K_M", "llama3.2:3b-instruct-q4_k_m"},
		{"someone/model", "someone/model:latest"},
		{"registry.ollama.ai/someone/model:1", "someone/model:1"},
		{"hf.co/someone/Model-GGUF:Q4_0", "hf.co/someone/model-gguf:q4_0"},
		{"hf.co/library/model", "hf.co/library/model:latest"},
		{"https://localhost:5000/library/model", "localhost:5000/library/model:latest"},
	} {
		if got, err := Canonical(x.name); got != x.want || err != nil {
			t.Errorf("Canonical(%q) = %q, %v, want %q", x.name, got, err, x.want)
		}
	}
}

func TestCanonicalRefusesWhatNoModelIsCalled(t *testing.T) {
	for _, name := range []string{
		"", ":", "a:", ":a", "/", "a/", "/a", "a//b", "a/b/c/d", "..", "../a", "a/../b", "-a", "a b", " a", "a\n", "a\x00",
		"café", "a@sha256:0", "a:b:c", "some.one/model", "ftp://h/n/m", "https://model", "https://n/m", "file:///etc/passwd",
		strings.Repeat("a", 81), strings.Repeat("h", 200) + "/" + strings.Repeat("n", 50) + "/mmmmm",
		"\u212a", // the Kelvin sign, whose lower case is k
	} {
		if got, err := Canonical(name); !errors.Is(err, ErrBadRequest) {
			t.Errorf("Canonical(%q) = %q, %v, want ErrBadRequest", name, got, err)
		}
	}
}

func FuzzCanonical(f *testing.F) {
	for _, name := range []string{"tiny-chat", "HTTPS://registry.ollama.ai/library/a:B", "hf.co/library/a", "h:1/n/m:t", "\u212a"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		once, err := Canonical(name)
		if err != nil {
			return
		}
		if twice, err := Canonical(once); twice != once || err != nil {
			t.Errorf("Canonical(%q) = %q, but that of it is %q, %v", name, once, twice, err)
		}
		if upper, err := Canonical(strings.ToUpper(name)); upper != once || err != nil {
			t.Errorf("Canonical(%q) depends on case: %q, %v", name, upper, err)
		}
		if strings.ContainsAny(once, " \t\r\n\x00\\@\"'") {
			t.Errorf("Canonical(%q) = %q lets a bad character through", name, once)
		}
	})
}
