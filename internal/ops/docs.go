package ops

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"io"
	"net/http"
	"strings"
	"time"

	swaggerui "github.com/swaggest/swgui/v5/static"

	"github.com/paddock-gate/paddock/internal/gen/openapi"
)

// pages are the documentation's frame around Swagger UI.
// No script stands in a page or comes from elsewhere, so that they work under contentSecurityPolicy as it is.
//
//go:embed pages
var pages embed.FS

// OpenAPI answers the OpenAPI 3.1 description of every RPC as HTTP/JSON, generated from the protos.
func OpenAPI(w http.ResponseWriter, r *http.Request) {
	serveFile(w, r, "openapi.json", openapi.JSON)
}

// Docs answers the page that renders it.
func Docs(w http.ResponseWriter, r *http.Request) { servePage(w, r, "docs.html") }

// DocsFile answers what the pages load.
func DocsFile(w http.ResponseWriter, r *http.Request) {
	switch name := r.PathValue("file"); name {
	case "swagger-ui.css", "swagger-ui-bundle.js":
		serveSwaggerUI(w, r, name)
	default:
		servePage(w, r, name)
	}
}

func servePage(w http.ResponseWriter, r *http.Request, name string) {
	content, err := pages.ReadFile("pages/" + name)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	serveFile(w, r, name, content)
}

// serveSwaggerUI answers a file of Swagger UI's, which are embedded compressed.
func serveSwaggerUI(w http.ResponseWriter, r *http.Request, name string) {
	content, err := swaggerui.FS.ReadFile(name + ".gz")
	if err != nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Vary", "Accept-Encoding")
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		w.Header().Set("Content-Encoding", "gzip")
	} else if content, err = gunzip(content); err != nil {
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	serveFile(w, r, name, content)
}

func gunzip(b []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

// serveFile answers a file of the program's. Browsers keep it, and ask each time whether it is still the same.
func serveFile(w http.ResponseWriter, r *http.Request, name string, content []byte) {
	sum := sha256.Sum256(content)
	w.Header().Set("ETag", `"`+base64.RawURLEncoding.EncodeToString(sum[:16])+`"`)
	w.Header().Set("Cache-Control", "no-cache")
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(content))
}
