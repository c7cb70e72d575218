package ollamatest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"
)

type route struct {
	methods string // as the Allow header lists them
	usual   func(*exchange)
	read    reader // of routes that a model answers
}

// reader reads a request to a model, and gives what shall write the answer.
type reader func(*exchange) (*chatRequest, dialect, *refusal)

// ofModel is a route that a model answers.
func ofModel(read reader) route { return route{"POST", reply, read} }

// exchange is one request and the answer to it.
type exchange struct {
	server *Server
	route  route
	w      http.ResponseWriter
	r      *http.Request
	body   []byte
	model  string        // as the request spells it
	asked  *asked        // nil until it is read
	pace   time.Duration // before every line of a stream
	begun  time.Time
	headed bool // the header is written

	framing Framing
	newline []byte // to be written once something follows
	said    part   // so far, where the answer is no stream
	kept    bool   // back, since it is not all of it
	whole   bool   // the end of an answer is written
}

const (
	contentJSON   = "application/json; charset=utf-8"
	contentNDJSON = "application/x-ndjson"
	contentText   = "text/plain"

	contentPlainJSON = "application/json"
	contentEvents    = "text/event-stream"
)

// ServeHTTP answers as Ollama does.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	body, unpacked := s.unpack(r, body)
	record, end := s.record(r, body)
	route, known := s.route(r.URL.Path)
	x := &exchange{server: s, route: route, w: w, r: r, body: body, model: record.Model, begun: record.Begun}
	defer func() { end(x.whole) }()
	s.serve(x, known, unpacked)
}

// serve answers x, which goes to a known route or to none, unless its body was
// refused.
func (s *Server) serve(x *exchange, known bool, refused *refusal) {
	clean := path.Clean(x.r.URL.Path)
	_, elsewhere := s.route(clean)
	switch {
	case !localHost(x.r.Host) || !localOrigin(x.r.Header.Get("Origin")):
		x.w.WriteHeader(http.StatusForbidden)
		return
	case !known && elsewhere:
		x.redirect(clean)
		return
	case !known:
		x.text(http.StatusNotFound, "404 page not found")
		return
	case !slices.Contains(strings.Split(x.route.methods, ", "), x.r.Method):
		x.w.Header().Set("Allow", x.route.methods)
		x.text(http.StatusMethodNotAllowed, "405 method not allowed")
		return
	case refused != nil:
		x.refuseUnread(refused)
		return
	}
	for _, step := range s.script(x) {
		if step(x) != nil {
			return
		}
	}
	x.finish()
}

// localHost reports whether a server on the loopback address listens to a Host.
func localHost(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	address, err := netip.ParseAddr(name)
	return name == "localhost" || err == nil && (address.IsLoopback() || address.IsPrivate())
}

// localOrigin reports whether pages of an origin may ask: those of this machine,
// and those of programs on it.
func localOrigin(origin string) bool {
	u, err := url.Parse(origin)
	if origin == "" || err != nil {
		return origin == ""
	}
	return localHost(u.Host) || slices.Contains([]string{"app", "file", "tauri", "vscode-webview", "vscode-file"}, u.Scheme)
}

// redirect leads to the route that was meant by a path with a slash too many.
func (x *exchange) redirect(to string) {
	status := http.StatusTemporaryRedirect
	if x.r.Method == http.MethodGet {
		status = http.StatusMovedPermanently
	}
	if x.r.URL.RawQuery != "" {
		to += "?" + x.r.URL.RawQuery
	}
	http.Redirect(x.w, x.r, to, status)
}

// header writes the answer's header, unless it is written.
func (x *exchange) header(status int, contentType string) {
	if !x.headed {
		x.headed = true
		x.w.Header().Set("Content-Type", contentType)
		x.w.WriteHeader(status)
	}
}

func (x *exchange) text(status int, text string) {
	x.header(status, contentText)
	_, _ = io.WriteString(x.w, text)
}

func (x *exchange) json(status int, value any) {
	b, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	x.header(status, contentJSON)
	_, _ = x.w.Write(b)
}

// line writes a line of Ollama's own streams.
func (x *exchange) line(value any) error {
	b, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return x.frame(contentNDJSON, append(b, '\n'))
}

// event writes an event of the streams of other dialects.
func (x *exchange) event(name string, data any) error {
	b, err := json.Marshal(data)
	if err != nil {
		panic(err)
	}
	if name != "" {
		name = "event: " + name + "\n"
	}
	return x.frame(contentEvents, []byte(name+"data: "+string(b)+"\n\n"))
}

// plainJSON writes as the routes of other dialects do.
func (x *exchange) plainJSON(status int, value any) {
	b, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	x.header(status, contentPlainJSON)
	_, _ = x.w.Write(append(b, '\n'))
}

// announceStream sets the headers that some routes have for a stream, even where
// they refuse it then.
func (x *exchange) announceStream() {
	x.w.Header().Set("Cache-Control", "no-cache")
	x.w.Header().Set("Connection", "keep-alive")
}

// streamType is the content type of a stream of the route.
func (x *exchange) streamType() string {
	if strings.HasPrefix(x.r.URL.Path, "/v1/") {
		return contentEvents
	}
	return contentNDJSON
}

func (x *exchange) write(contentType string, text []byte) error {
	x.header(http.StatusOK, contentType)
	if _, err := x.w.Write(text); err != nil {
		return err
	}
	return http.NewResponseController(x.w).Flush()
}

// wait fails when the client leaves.
func (x *exchange) wait(d time.Duration) error {
	if d <= 0 {
		return x.r.Context().Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-x.r.Context().Done():
		return x.r.Context().Err()
	}
}

// decode reads the request as Ollama does: the last of two equal keys wins,
// keys are compared without regard to case, and what follows is ignored.
func (x *exchange) decode(request any) *refusal {
	err := json.NewDecoder(bytes.NewReader(x.body)).Decode(request)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF) && !strings.HasPrefix(x.r.URL.Path, "/v1/"):
		return &refusal{http.StatusBadRequest, "missing request body"}
	}
	return &refusal{http.StatusBadRequest, err.Error()}
}

func decodeModel(body []byte) string {
	var request struct{ Model string }
	_ = json.NewDecoder(bytes.NewReader(body)).Decode(&request)
	return request.Model
}
