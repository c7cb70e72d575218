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

// pages are the frame of the documentation around Swagger UI. Pages have no inline scripts and none from elsewhere, as the content
// security policy demands.
//
//go:embed pages
var pages embed.FS

// OpenAPI serves the OpenAPI 3.1 description of every RPC as HTTP/JSON, which is generated from the protos.
func OpenAPI(w http.ResponseWriter, r *http.Request) {
	serveFile(w, r, "openapi.json", openapi.JSON)
}

// Docs serves the page that renders the description.
func Docs(w http.ResponseWriter, r *http.Request) { servePage(w, r, "docs.html") }

// DocsFile serves the files that the page loads.
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

// serveSwaggerUI serves a file of Swagger UI, which is embedded compressed.
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

// serveFile serves an embedded file. Browsers cache it and revalidate it each time.
func serveFile(w http.ResponseWriter, r *http.Request, name string, content []byte) {
	sum := sha256.Sum256(content)
	w.Header().Set("ETag", `"`+base64.RawURLEncoding.EncodeToString(sum[:16])+`"`)
	w.Header().Set("Cache-Control", "no-cache")
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(content))
}
