package ops

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

// get gets a page or file.
func get(t *testing.T, path string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /docs", Docs)
	mux.HandleFunc("GET /docs/{file}", DocsFile)
	mux.HandleFunc("GET /openapi.json", OpenAPI)
	r := httptest.NewRequest(http.MethodGet, path, http.NoBody)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	return w
}

func TestDocs_ContentSecurityPolicy(t *testing.T) {
	script := regexp.MustCompile(`(?s)<script([^>]*)>(.*?)</script>`)
	link := regexp.MustCompile(`\s(?:src|href)="([^"]*)"`)
	handler := regexp.MustCompile(`(?i)<[^>]+\s(on[a-z]+)=`)
	for _, page := range []string{"/docs"} {
		html := get(t, page).Body.String()
		for _, m := range script.FindAllStringSubmatch(html, -1) {
			if !strings.Contains(m[1], "src=") || strings.TrimSpace(m[2]) != "" {
				t.Errorf("%s has an inline script: %s", page, m[0])
			}
		}
		if m := handler.FindString(html); m != "" {
			t.Errorf("%s has an inline handler: %s", page, m)
		}
		links := link.FindAllStringSubmatch(html, -1)
		if len(links) == 0 {
			t.Errorf("%s links to nothing", page)
		}
		for _, m := range links {
			if !strings.HasPrefix(m[1], "/") || strings.HasPrefix(m[1], "//") {
				t.Errorf("%s loads %s from elsewhere", page, m[1])
			}
			if strings.HasPrefix(m[1], "/docs") {
				if r := get(t, m[1]); r.Code != http.StatusOK {
					t.Errorf("%s loads %s: %d", page, m[1], r.Code)
				}
			}
		}
	}
}

func TestDocsFile_Encodings(t *testing.T) {
	for path, contentType := range map[string]string{
		"/docs/swagger-ui-bundle.js": "text/javascript; charset=utf-8",
		"/docs/swagger-ui.css":       "text/css; charset=utf-8",
		"/docs/docs.js":              "text/javascript; charset=utf-8",
		"/openapi.json":              "application/json",
	} {
		r := get(t, path)
		if r.Header().Get("Content-Type") != contentType || r.Header().Get("Content-Encoding") != "" {
			t.Errorf("%s: headers %v", path, r.Header())
		}
		if r = get(t, path, "If-None-Match", r.Header().Get("ETag")); r.Code != http.StatusNotModified {
			t.Errorf("%s unchanged: %d", path, r.Code)
		}
	}
	packed, plain := get(t, "/docs/swagger-ui-bundle.js", "Accept-Encoding", "gzip"), get(t, "/docs/swagger-ui-bundle.js")
	unpacked, err := gunzip(packed.Body.Bytes())
	if err != nil || packed.Header().Get("Content-Encoding") != "gzip" || string(unpacked) != plain.Body.String() {
		t.Errorf("packed and plain differ: %v", err)
	}
	if r := get(t, "/docs/oauth2-redirect.html"); r.Code != http.StatusNotFound {
		t.Errorf("a file that no page needs is served: %d", r.Code)
	}
}
