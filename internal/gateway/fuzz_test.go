package gateway

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/rawjson"
)

// FuzzWithoutBilling checks that nothing but the first line of a system prompt is ever left out, and that only where it is the
// line of Claude Code.
func FuzzWithoutBilling(f *testing.F) {
	for _, s := range []string{"", "x", billing, billing + " cc_version=1;\n\nYou are", billing + "\n" + billing + "\nx", " " + billing} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		text = strings.ToValidUTF8(text, "")
		want := text
		if strings.HasPrefix(text, billing) {
			_, want, _ = strings.Cut(text, "\n")
			want = strings.TrimLeft(want, "\n")
		}
		if got := rawjson.Unquote(withoutBilling(rawjson.Quote(text))); got != want {
			t.Errorf("%q became %q", text, got)
		}
		block := rawjson.AppendObject(nil, []rawjson.Member{{Key: "type", Value: []byte(`"text"`)}, {Key: "text", Value: rawjson.Quote(text)}})
		var got []map[string]string
		if err := json.Unmarshal(withoutBilling(joined([][]byte{block, block})), &got); err != nil {
			t.Fatal(err)
		}
		if last := got[len(got)-1]; last["text"] != text || len(got) == 2 && got[0]["text"] != want || len(got) == 1 && want != "" {
			t.Errorf("%q became %q", text, got)
		}
	})
}

// FuzzKeepAlive checks that no keep_alive goes upstream that would unload a model, or keep it for longer than is allowed.
func FuzzKeepAlive(f *testing.F) {
	for _, s := range []string{`0`, `-1`, `"0s"`, `"-1m"`, `"10m"`, `1e300`, `-0`, `0.5`, `"999999h"`, `"1h1h"`, `true`, `"\u0031m"`} {
		f.Add(s, true)
		f.Add(s, false)
	}
	limits := Options{MaxKeepAlive: time.Hour}
	f.Fuzz(func(t *testing.T, value string, prompted bool) {
		body := `{"model":"a","prompt":"x","keep_alive":` + value + `}`
		if !prompted {
			body = `{"model":"a","keep_alive":` + value + `}`
		}
		q, err := decode(ollamaGenerate, []byte(body), limits)
		if err != nil {
			return
		}
		var sent struct {
			KeepAlive any `json:"keep_alive"`
		}
		if err := json.Unmarshal(bodyOf(q, 0), &sent); err != nil {
			t.Fatal(err)
		}
		var d time.Duration
		switch v := sent.KeepAlive.(type) {
		case nil:
			return
		case string:
			if d, err = time.ParseDuration(v); err != nil {
				t.Fatalf("%s is sent as %q", value, v)
			}
		case float64:
			d = time.Duration(v * float64(time.Second))
		default:
			t.Fatalf("%s is sent as %v", value, v)
		}
		if d < leastLoaded || d > limits.MaxKeepAlive || !prompted && d < usuallyLoaded {
			t.Errorf("%s is sent as %v", value, sent.KeepAlive)
		}
	})
}

// FuzzWithoutPaths checks that a model as it is shown names no file by a whole text, and is otherwise what Ollama says.
func FuzzWithoutPaths(f *testing.F) {
	f.Add(`{"modelfile":"FROM /root/.ollama/models/blobs/sha256-1\nSYSTEM x","details":{"parent_model":"/a","families":["C:\\x"]},"license":"/x"}`)
	f.Add(`{"model_info":{"a":"10.0.0.1:80","b":"\u002fetc"},"remote_host":"https://ollama.com:443","modelfile":"FROM \"./x\"\nTEMPLATE \"\"\"\nFROM /y\"\"\""}`)
	f.Fuzz(func(t *testing.T, object string) {
		shown, err := withoutPaths([]byte(object), "a:latest")
		if err != nil {
			return
		}
		var before, after map[string]json.RawMessage
		if err := json.Unmarshal(shown, &after); err != nil {
			t.Fatalf("%s: %v", shown, err)
		}
		if err := json.Unmarshal([]byte(object), &before); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(slices.Sorted(maps.Keys(before)), slices.Sorted(maps.Keys(after))) {
			t.Errorf("%s has other members than %s", shown, object)
		}
		again, err := withoutPaths(shown, "a:latest")
		if err != nil || !bytes.Equal(again, shown) {
			t.Errorf("%s becomes %s, %v", shown, again, err)
		}
		for key, value := range after {
			for s := range stringsIn(value) {
				if len(s) < 4<<10 && !ownWords[key] && (strings.HasPrefix(s, "/") || strings.Contains(s, "blobs/sha256-")) {
					t.Errorf("%s of %s", s, shown)
				}
			}
		}
	})
}

// stringsIn ranges over the texts in a value, but for keys.
func stringsIn(value []byte) func(func(string) bool) {
	return func(yield func(string) bool) {
		var all any
		_ = json.Unmarshal(value, &all)
		var walk func(any) bool
		walk = func(v any) bool {
			switch v := v.(type) {
			case string:
				return yield(v)
			case []any:
				return !slices.ContainsFunc(v, func(e any) bool { return !walk(e) })
			case map[string]any:
				for _, e := range v {
					if !walk(e) {
						return false
					}
				}
			}
			return true
		}
		walk(all)
	}
}

// FuzzStrict checks that a path of the gateway is served as it is written, sent to another of this server, or not found.
func FuzzStrict(f *testing.F) {
	for _, s := range []string{"/api/chat", "//api//chat/", "/v1/../v1/models", "/v1/models/a%2Fb", "/%61pi/tags", "/api", "//evil.example/api", "/v1/./x", "/v1\\x", "/api/..//v1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, target string) {
		u, err := url.ParseRequestURI(target)
		if err != nil || u.Host != "" || !strings.HasPrefix(u.Path, "/") {
			return
		}
		r := &http.Request{Method: http.MethodGet, URL: u}
		served := ""
		w := httptest.NewRecorder()
		Strict(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { served = r.URL.EscapedPath() })).ServeHTTP(w, r)
		to := w.Header().Get("Location")
		if to != "" && (!strings.HasPrefix(to, "/api/") && !strings.HasPrefix(to, "/v1/") || strings.Contains(strings.Split(to, "?")[0], "//")) {
			t.Errorf("%q leads to %q", target, to)
		}
		if Owns(u.Path) && strings.Contains(served, "%") && !strings.HasPrefix(served, "/v1/models/") {
			t.Errorf("%q is served as %q", target, served)
		}
		if strings.ContainsAny(to, "\r\n") || to == "" && served == "" && w.Code != http.StatusNotFound {
			t.Errorf("%q: %d", target, w.Code)
		}
	})
}
