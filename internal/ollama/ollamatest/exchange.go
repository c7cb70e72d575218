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
	"slices"
	"strings"
	"time"
)

type route struct {
	methods string // as the Allow header lists them
	usual   func(*exchange)
}

// exchange is one request and the answer to it.
type exchange struct {
	w      http.ResponseWriter
	r      *http.Request
	body   []byte
	model  string // as the request spells it
	usual  func(*exchange)
	pace   time.Duration // before every line of a stream
	begun  time.Time
	headed bool // the header is written
}

const (
	contentJSON   = "application/json; charset=utf-8"
	contentNDJSON = "application/x-ndjson"
	contentText   = "text/plain"
)

// ServeHTTP answers as Ollama does.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	record, end := s.record(r, body)
	defer end()
	x := &exchange{w: w, r: r, body: body, model: record.Model, begun: record.Begun}
	route, known := s.routes[r.URL.Path]
	switch {
	case !localHost(r.Host) || !localOrigin(r.Header.Get("Origin")):
		w.WriteHeader(http.StatusForbidden)
		return
	case !known:
		x.text(http.StatusNotFound, "404 page not found")
		return
	case !slices.Contains(strings.Split(route.methods, ", "), r.Method):
		w.Header().Set("Allow", route.methods)
		x.text(http.StatusMethodNotAllowed, "405 method not allowed")
		return
	}
	x.usual = route.usual
	for _, step := range s.script(r.URL.Path, x.model) {
		if step(x) != nil {
			return
		}
	}
}

// localHost tells whether a server on the loopback address listens to a Host.
func localHost(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	address, err := netip.ParseAddr(name)
	return name == "localhost" || err == nil && (address.IsLoopback() || address.IsPrivate())
}

func localOrigin(origin string) bool {
	u, err := url.Parse(origin)
	return origin == "" || err == nil && localHost(u.Host)
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

func (x *exchange) refuse(status int, message string) {
	if strings.HasPrefix(x.r.URL.Path, "/v1/") {
		kind := "api_error" // also where another kind would fit
		if x.r.URL.Path == "/v1/messages" && status == http.StatusNotFound {
			kind = "not_found_error"
		}
		x.refuseAs(kind, status, message)
		return
	}
	x.json(status, map[string]string{"error": message})
}

// stream writes a line of a stream when it is due.
func (x *exchange) stream(value any) error {
	if err := x.wait(x.pace); err != nil {
		return err
	}
	b, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return x.write(append(b, '\n'))
}

func (x *exchange) write(line []byte) error {
	contentType := contentNDJSON
	if strings.HasPrefix(x.r.URL.Path, "/v1/") {
		contentType = contentEvents
	}
	return x.writeAs(contentType, line)
}

func (x *exchange) writeAs(contentType string, line []byte) error {
	x.header(http.StatusOK, contentType)
	if _, err := x.w.Write(line); err != nil {
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
func (x *exchange) decode(request any) bool {
	switch err := json.NewDecoder(bytes.NewReader(x.body)).Decode(request); {
	case errors.Is(err, io.EOF):
		x.refuse(http.StatusBadRequest, "missing request body")
	case err != nil:
		x.refuse(http.StatusBadRequest, err.Error())
	default:
		return true
	}
	return false
}

func decodeModel(body []byte) string {
	var request struct{ Model string }
	_ = json.NewDecoder(bytes.NewReader(body)).Decode(&request)
	return request.Model
}
