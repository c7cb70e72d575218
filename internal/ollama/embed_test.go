package ollama

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"
)

// numbers writes an answer of so many vectors of dimensions numbers each.
func numbers(w io.Writer, vectors, dimensions int, number string) {
	vector := "[" + strings.TrimSuffix(strings.Repeat(number+",", dimensions), ",") + "]"
	_, _ = io.WriteString(w, `{"embeddings":[`)
	for i := range vectors {
		if i > 0 {
			_, _ = io.WriteString(w, ",")
		}
		_, _ = io.WriteString(w, vector)
	}
	_, _ = io.WriteString(w, "]}")
}

// What 2,048 texts come to in 4,096 dimensions takes no more memory than the vectors.
func TestEmbed_LargeBatch(t *testing.T) {
	const inputs, dimensions = 2048, 4096
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/embed" {
			numbers(w, inputs, dimensions, "-0.012345678")
		}
	}))
	t.Cleanup(upstream.Close)
	base, err := url.Parse(upstream.URL)
	if err != nil {
		t.Fatal(err)
	}
	body, err := EncodeEmbed("m", make([]string, inputs))
	if err != nil {
		t.Fatal(err)
	}
	a, err := NewServer("s", base, time.Second).Send(t.Context(), "api/embed", body, Limits{FirstByte: time.Minute, Idle: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	e, err := a.Embeddings(inputs)
	runtime.ReadMemStats(&after)
	if err != nil {
		t.Fatal(err)
	}
	if len(e.Vectors) != inputs || len(e.Vectors[inputs-1]) != dimensions {
		t.Errorf("%d vectors, the last of %d numbers", len(e.Vectors), len(e.Vectors[len(e.Vectors)-1]))
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > inputs*dimensions*4*5/4 {
		t.Errorf("%d MiB allocated for %d MiB of vectors", used>>20, inputs*dimensions*4>>20)
	}
}
