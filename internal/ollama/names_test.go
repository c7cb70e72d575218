package ollama

import (
	"errors"
	"strings"
	"testing"
)

func TestCanonical_Spellings(t *testing.T) {
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
		{"m:local", "m:latest"},
		{"m:latest:LOCAL", "m:latest"},
		{"library/qwen3:8b:local", "qwen3:8b"},
		{"localhost:5000/someone/m:local", "localhost:5000/someone/m:latest"},
		{"gpt-oss:20b:cloud", "gpt-oss:20b-cloud"},
		{"GPT-OSS:20B-Cloud", "gpt-oss:20b-cloud"},
		{"gpt-oss:cloud", "gpt-oss:cloud"},
		{"gpt-oss:latest:cloud", "gpt-oss:cloud"},
		{"gpt-oss:latest-cloud", "gpt-oss:cloud"},
		{"https://registry.ollama.ai/library/gpt-oss:20b:CLOUD", "gpt-oss:20b-cloud"},
		{"hf.co/someone/m:q4:cloud", "hf.co/someone/m:q4-cloud"},
		{"m:" + strings.Repeat("t", 80) + ":cloud", "m:" + strings.Repeat("t", 80) + "-cloud"},
		{"my-cloud", "my-cloud:latest"},
		{"localhost:5000/someone/my-cloud", "localhost:5000/someone/my-cloud:latest"},
	} {
		if got, err := Canonical(x.name); got != x.want || err != nil {
			t.Errorf("Canonical(%q) = %q, %v, want %q", x.name, got, err, x.want)
		}
	}
}

func TestCanonical_Invalid(t *testing.T) {
	for _, name := range []string{
		"", ":", "a:", ":a", "/", "a/", "/a", "a//b", "a/b/c/d", "..", "../a", "a/../b", "-a", "a b", " a", "a\n", "a\x00",
		"café", "a@sha256:0", "a:b:c", "some.one/model", "ftp://h/n/m", "https://model", "https://n/m", "file:///etc/passwd",
		strings.Repeat("a", 81), strings.Repeat("h", 200) + "/" + strings.Repeat("n", 50) + "/mmmmm",
		strings.Repeat("h", 150) + "/" + strings.Repeat("n", 50) + "/" + strings.Repeat("m", 54), // too long with its tag
		":cloud", "a::cloud", "a:-cloud", "a:local:cloud", "a:cloud:local", "a:cloud:cloud", "a:1-cloud:cloud", "a:1:local:local",
		"a:local-cloud", "a:cloud-cloud", "a:1:local-cloud", "a:1:x-cloud", "a:1:2:cloud", "a:cloud:latest", "a:cloud/b",
		"\u212a", // the Kelvin sign, whose lower case is k
	} {
		if got, err := Canonical(name); !errors.Is(err, ErrBadRequest) {
			t.Errorf("Canonical(%q) = %q, %v, want ErrBadRequest", name, got, err)
		}
	}
}

func FuzzCanonical(f *testing.F) {
	for _, name := range []string{"tiny-chat", "HTTPS://registry.ollama.ai/library/a:B", "hf.co/library/a", "h:1/n/m:t", "\u212a", "a:b:cloud", "a:b-cloud", "a:local"} {
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
		if IsCloudName(once) != runsInCloud(name) {
			t.Errorf("Canonical(%q) = %q, of which IsCloudName says %v", name, once, IsCloudName(once))
		}
		if !IsCloudName(once) {
			wantSame(t, name+":local", once)
		}
		if strings.ContainsAny(once, " \t\r\n\x00\\@\"'") {
			t.Errorf("Canonical(%q) = %q lets a bad character through", name, once)
		}
	})
}

// runsInCloud is Ollama's own rule, of 0.17.8 to 0.33.0.
func runsInCloud(name string) bool {
	name = strings.ToLower(strings.TrimSpace(name))
	colon := strings.LastIndex(name, ":")
	last := strings.TrimSpace(name[colon+1:])
	return colon >= 0 && (last == "cloud" || strings.HasSuffix(last, "-cloud") && !strings.Contains(last, "/"))
}

// wantSame wants a spelling of a canonical name to be taken as that, if it is a name.
func wantSame(t *testing.T, spelling, canonical string) {
	t.Helper()
	if got, err := Canonical(spelling); got != canonical && err == nil {
		t.Errorf("Canonical(%q) = %q, want %q", spelling, got, canonical)
	}
}

func TestIsCloudName(t *testing.T) {
	for _, name := range []string{
		"gpt-oss:cloud", "gpt-oss:latest-cloud", "gpt-oss:20b-cloud", "gpt-oss:20b:cloud", "GPT-OSS:20B:CLOUD", "GPT-OSS:20B-CLOUD",
		"library/gpt-oss:20b-cloud", "registry.ollama.ai/library/gpt-oss:cloud", "https://registry.ollama.ai/someone/m:1:Cloud",
		"localhost:5000/someone/m:cloud", "m-cloud:cloud",
	} {
		if canonical, err := Canonical(name); err != nil || !IsCloudName(canonical) {
			t.Errorf("%q, canonical %q, %v, is no cloud name", name, canonical, err)
		}
	}
	for _, name := range []string{"gpt-oss", "gpt-oss-cloud", "cloud", "cloud/m", "m:cloudy", "m:cloud-1", "m:xcloud", "localhost:5000/cloud/m-cloud"} {
		if canonical, err := Canonical(name); err != nil || IsCloudName(canonical) {
			t.Errorf("%q, canonical %q, %v, is a cloud name", name, canonical, err)
		}
	}
}

func TestListedName(t *testing.T) {
	for name, want := range map[string]string{"Tiny-Chat:latest": "tiny-chat:latest", "m:20b-cloud": "m:20b-cloud", "m:local": "", "m:Local": "", "no name": ""} {
		if got, ok := listedName(name); got != want || ok != (want != "") {
			t.Errorf("listedName(%q) = %q, %v, want %q", name, got, ok, want)
		}
	}
}
