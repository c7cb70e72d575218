package ollamatest

import (
	"bytes"
	"context"
	"net/http"
	"slices"
	"time"
)

// Request is one that the server received.
type Request struct {
	Method string
	Path   string
	Query  string
	Host   string
	Header http.Header // all of it, but for Host
	Body   []byte      // decoded; its first 512 KiB, or nothing once it is among the older ones
	Size   int         // of the whole decoded body
	Model  string      // as it was spelled, "" when there was none
	Begun  time.Time
	Ended  time.Time // zero while it is being answered
	// Aborted is when the client left before its answer was complete, or when
	// Stop cut it off; else zero.
	Aborted time.Time
}

// Bounds of what is kept: a load test asks much and often.
const (
	maxLog    = 10_000
	maxBody   = 512 << 10
	maxBodies = 16 << 20 // in all
)

// Requests returns the latest 10,000 requests, oldest first.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Request, len(s.log))
	for i, r := range s.log {
		list[i] = *r
	}
	return list
}

// To returns those of Requests that went to a path.
func (s *Server) To(path string) []Request {
	return slices.DeleteFunc(s.Requests(), func(r Request) bool { return r.Path != path })
}

// Posts returns those of Requests that have a body, which are about one model; the
// others ask for lists and versions, also in the background.
func (s *Server) Posts() []Request {
	return slices.DeleteFunc(s.Requests(), func(r Request) bool { return r.Method != http.MethodPost })
}

// Active is how many requests are being answered.
func (s *Server) Active() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.active
}

// WaitIdle waits until no request is being answered, or for ctx's end.
func (s *Server) WaitIdle(ctx context.Context) error {
	select {
	case <-s.idleNow():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// idleNow returns what is closed once no request is being answered.
func (s *Server) idleNow() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.idle
}

// record keeps a request; end must be called when it is answered, wholly or not. A client that leaves behind the last byte has
// not aborted anything, even if the server learns that before the handler has returned.
func (s *Server) record(r *http.Request, body []byte) (record *Request, end func(whole bool)) {
	record = &Request{
		Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery, Host: r.Host, Header: r.Header.Clone(),
		Body: bytes.Clone(body[:min(len(body), maxBody)]), Size: len(body), Model: decodeModel(body), Begun: time.Now(),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.active == 0 {
		s.idle = make(chan struct{})
	}
	s.active++
	s.keep(record)
	answered := context.AfterFunc(r.Context(), func() { s.aborted(record) })
	return record, func(whole bool) {
		if !answered() || r.Context().Err() != nil {
			s.aborted(record)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		record.Ended = time.Now()
		if whole {
			record.Aborted = time.Time{}
		}
		if s.active--; s.active == 0 {
			close(s.idle)
		}
	}
}

// keep adds a request to the log, within its bounds. s.mu must be held.
func (s *Server) keep(record *Request) {
	s.log = append(s.log, record)
	s.kept += len(record.Body)
	if len(s.log) > maxLog {
		s.kept -= len(s.log[0].Body)
		s.log = slices.Delete(s.log, 0, 1)
		s.bodies = max(s.bodies-1, 0)
	}
	for ; s.kept > maxBodies; s.bodies++ {
		s.kept -= len(s.log[s.bodies].Body)
		s.log[s.bodies].Body = nil
	}
}

func (s *Server) aborted(record *Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if record.Aborted.IsZero() {
		record.Aborted = time.Now()
	}
}
