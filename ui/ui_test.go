package ui

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

const (
	browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
	script  = "*/*"
)

func TestHandler_PagesOnly(t *testing.T) {
	page := Handler("")
	for _, c := range []struct {
		method, path, accept string
		page                 bool
	}{
		{"GET", "/", browser, true},
		{"GET", "/chat", browser, true},
		{"GET", "/users/018f-a.b?tab=keys", browser, true},
		{"HEAD", "/chat", browser, true},
		{"GET", "/chat", script, false},
		{"GET", "/chat", "application/json", false},
		{"POST", "/chat", browser, false},
		{"GET", "/paddock.v1.UserService/ListUser", browser, false},
		{"POST", "/paddock.v1.UserService/ListUser", script, false},
		{"GET", "/grpc.reflection.v1.ServerReflection/X", browser, false},
		{"GET", "/api/chatt", browser, false},
		{"GET", "/v1/model", browser, false},
		{"GET", "/docs/absent", browser, false},
		{"GET", "/assets/absent.js", browser, false},
		{"GET", "/favicon.ico", browser, false},
		{"GET", "/.gitkeep", browser, false},
	} {
		t.Run(c.method+" "+c.path, func(t *testing.T) {
			r := httptest.NewRequest(c.method, c.path, http.NoBody)
			r.Header.Set("Accept", c.accept)
			w := httptest.NewRecorder()
			page.ServeHTTP(w, r)
			if html := strings.HasPrefix(w.Header().Get("Content-Type"), "text/html"); html != c.page {
				t.Errorf("status %d, %s", w.Code, w.Header().Get("Content-Type"))
			}
			if !c.page && w.Code != http.StatusNotFound {
				t.Errorf("status %d, want 404", w.Code)
			}
		})
	}
}

func TestLoad_EscapesAPIBase(t *testing.T) {
	built := []byte(`<meta name="paddock-api-base" content="" />`)
	if !apiBaseMeta.Match(built) {
		t.Fatal("the page has no place for the address of the server")
	}
	for name, f := range load(`http://a.example/"><script>`) {
		if name == index && !strings.Contains(string(f.forms().content), `content="http://a.example/&#34;&gt;&lt;script&gt;"`) {
			t.Errorf("%s", f.forms().content)
		}
	}
}

func TestFile_CacheAndEncodings(t *testing.T) {
	content := strings.Repeat("let it be = 1;\n", 100)
	for _, c := range []struct{ name, cache string }{
		{"assets/index-BCFgzcFd.js", "public, max-age=31536000, immutable"},
		{"theme.js", "no-cache"},
		{index, "no-cache"},
	} {
		f := newFile(c.name, func() ([]byte, []byte) { return []byte(content), []byte("brotli") })
		plain, zipped, small := get(f, "br;q=0, gzip;q=0.0", ""), get(f, "deflate, gzip;q=0.5", ""), get(f, "gzip, deflate, br", "")
		if got := plain.Header().Get("Cache-Control"); got != c.cache {
			t.Errorf("%s: Cache-Control %q, want %q", c.name, got, c.cache)
		}
		if plain.Body.String() != content || plain.Header().Get("Content-Encoding") != "" {
			t.Errorf("%s: who knows no gzip gets something else", c.name)
		}
		if zipped.Header().Get("Content-Encoding") != "gzip" || zipped.Body.Len() >= len(content) {
			t.Errorf("%s: who knows gzip gets %d bytes", c.name, zipped.Body.Len())
		}
		if small.Header().Get("Content-Encoding") != "br" || small.Body.String() != "brotli" {
			t.Errorf("%s: who knows brotli gets %s", c.name, small.Header().Get("Content-Encoding"))
		}
		tags := []string{plain.Header().Get("ETag"), zipped.Header().Get("ETag"), small.Header().Get("ETag")}
		if slices.Sort(tags); len(slices.Compact(tags)) != 3 {
			t.Errorf("%s: different bodies have one ETag: %v", c.name, tags)
		}
		if again := get(f, "gzip", zipped.Header().Get("ETag")); again.Code != http.StatusNotModified {
			t.Errorf("%s: status %d for what the browser has, want 304", c.name, again.Code)
		}
	}
}

func get(f *file, accept, etag string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "/"+f.name, http.NoBody)
	r.Header.Set("Accept-Encoding", accept)
	r.Header.Set("If-None-Match", etag)
	w := httptest.NewRecorder()
	f.serve(w, r)
	return w
}
