package server

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"connectrpc.com/connect"
	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/internal/caller"
)

// observe gives every request an id and a caller (a stranger, so far), and when it is over a log line and its metrics.
func observe(log *slog.Logger, m *metrics, trusted proxies, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		c := &caller.Caller{UserAgent: r.UserAgent(), RequestID: requestID(r)}
		c.IP, c.TLS = trusted.client(r)
		seen := new(observation)
		r = r.WithContext(caller.With(context.WithValue(r.Context(), observationKey{}, seen), c))
		rec := &recorder{ResponseWriter: w, control: http.NewResponseController(w)}
		w.Header().Set("X-Request-Id", c.RequestID)

		defer func() { //nolint:contextcheck // the request's own, which is r's by now
			took := time.Since(began)
			status := strconv.Itoa(rec.status)
			if seen.code != "" {
				status = seen.code
			}
			m.observe(route(r), status, took)
			attrs := []slog.Attr{
				slog.String("method", r.Method),
				slog.String("path", r.URL.Path),
				slog.Int("status", rec.status),
				slog.Float64("duration_ms", float64(took.Microseconds())/1000),
				slog.String("request_id", c.RequestID),
				slog.String("ip", c.IP.String()),
			}
			if seen.code != "" {
				attrs = append(attrs, slog.String("code", seen.code))
			}
			if c.UserID != uuid.Nil {
				attrs = append(attrs, slog.String("user_id", c.UserID.String()))
			}
			log.LogAttrs(r.Context(), levelOf(r.URL.Path), "request", attrs...)
		}()
		next.ServeHTTP(rec, r)
	})
}

// route is the pattern that matched, of which there are few; never the path, of which there can be any number.
func route(r *http.Request) string {
	if r.Pattern == "" {
		return "none"
	}
	return strings.TrimPrefix(r.Pattern, r.Method+" ")
}

// levelOf keeps the probes' noise out of the log.
func levelOf(path string) slog.Level {
	switch path {
	case "/healthz", "/readyz", "/metrics":
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

// requestID takes the id that a proxy or client sent if it is harmless, else makes one of 128 bits.
func requestID(r *http.Request) string {
	id := r.Header.Get("X-Request-Id")
	ok := id != "" && len(id) <= 64 && !strings.ContainsFunc(id, func(c rune) bool {
		return (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '-' && c != '_' && c != '.'
	})
	if ok {
		return id
	}
	b := make([]byte, 16)
	rand.Read(b)
	return hex.EncodeToString(b)
}

// observation is what only the inside of a call knows.
type observation struct{ code string }

type observationKey struct{}

// note tells observe how the call ended: an HTTP status says little for gRPC.
func note(ctx context.Context, err *connect.Error) {
	if seen, ok := ctx.Value(observationKey{}).(*observation); ok && err != nil {
		seen.code = err.Code().String()
	}
}

// writeIdle is how long a client may take for each piece of an answer.
var writeIdle = 30 * time.Second

// recorder remembers the status and gives each write its own time, so that a client that reads nothing does not hold a
// stream for ever. The deadline is set in the writing goroutine, and taken back after: an answer may well pause for longer.
type recorder struct {
	http.ResponseWriter
	control *http.ResponseController
	status  int
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	r.limit()
	defer r.unlimit()
	return r.ResponseWriter.Write(b)
}

// FlushError serves http.ResponseController.
func (r *recorder) FlushError() error {
	r.limit()
	defer r.unlimit()
	return r.control.Flush()
}

// Flush serves what asks for an http.Flusher.
func (r *recorder) Flush() { _ = r.FlushError() }

// Unwrap serves http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func (r *recorder) limit() { _ = r.control.SetWriteDeadline(time.Now().Add(writeIdle)) }

func (r *recorder) unlimit() { _ = r.control.SetWriteDeadline(time.Time{}) }
