package ui

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
	"sync"
	"time"
)

// file is one embedded file, which is read when somebody first asks for it: a server that nobody looks at needs no memory
// for its page.
type file struct {
	name  string
	forms func() forms
}

// forms are the content of a file and what it is sent as.
type forms struct {
	etag    string
	content []byte
	// brotli is the content compressed when the page was built; nil when it was not.
	brotli []byte
	// gzip is the content compressed on first use, for who knows no brotli: browsers, without TLS. Nil when it saves nothing.
	gzip func() []byte
}

func newFile(name string, read func() (content, brotli []byte)) *file {
	return &file{name, sync.OnceValue(func() forms {
		content, brotli := read()
		sum := sha256.Sum256(content)
		return forms{
			etag:    base64.RawURLEncoding.EncodeToString(sum[:12]),
			content: content,
			brotli:  brotli,
			gzip:    sync.OnceValue(func() []byte { return compress(content) }),
		}
	})}
}

// serve answers the file. Browsers keep for ever what has a hash of its content in the name; of the rest they ask each
// time whether it is still the same.
func (f *file) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	forms := f.forms()
	body, encoding := forms.encoded(r.Header.Get("Accept-Encoding"))
	if encoding != "" {
		h.Set("Content-Encoding", encoding)
	}
	h.Set("Vary", "Accept-Encoding")
	h.Set("ETag", `"`+forms.etag+encoding+`"`)
	h.Set("Cache-Control", "no-cache")
	if strings.HasPrefix(f.name, "assets/") {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	http.ServeContent(w, r, f.name, time.Time{}, bytes.NewReader(body))
}

// encoded returns the smallest form of the content that is accepted, and the name of its encoding.
func (f *forms) encoded(accept string) (body []byte, encoding string) {
	if f.brotli != nil && accepts(accept, "br") {
		return f.brotli, "br"
	}
	if accepts(accept, "gzip") {
		if z := f.gzip(); z != nil {
			return z, "gzip"
		}
	}
	return f.content, ""
}

// accepts reports whether the header lists the encoding. What is refused by a q of 0 counts as not listed (RFC 9110, 12.5.3).
func accepts(header, encoding string) bool {
	for item := range strings.SplitSeq(header, ",") {
		name, q, weighed := strings.Cut(strings.TrimSpace(item), ";")
		if strings.TrimSpace(name) == encoding {
			return !weighed || strings.Trim(strings.TrimSpace(q), "q=0.") != ""
		}
	}
	return false
}

// compress returns nil for what is compressed by itself, such as fonts.
func compress(content []byte) []byte {
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // err: there is no such level
	_, _ = z.Write(content)                               // a buffer takes everything
	_ = z.Close()
	if b.Len() > len(content)*9/10 {
		return nil
	}
	return b.Bytes()
}
