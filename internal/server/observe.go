package server

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"connectrpc.com/connect"
	"github.com/google/uuid"
	"golang.org/x/time/rate"

	"github.com/paddock-gate/paddock/internal/caller"
)

// observe gives every request an id and a caller (a stranger, so far), and when it is over a log line and its metrics.
func observe(log *slog.Logger, m *metrics, trusted proxies, next http.Handler) http.Handler {
	strangers := newQuiet()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		c := &caller.Caller{UserAgent: r.UserAgent(), RequestID: requestID(r)}
		c.IP, c.TLS = trusted.client(r)
		c.CrossOrigin = isCrossOrigin(r, c.TLS)
		seen := &observation{method: r.Method, path: r.URL.Path}
		r = r.WithContext(caller.With(context.WithValue(r.Context(), observationKey{}, seen), c))
		rec := &recorder{ResponseWriter: w, control: http.NewResponseController(w), http2: r.ProtoMajor == 2}
		w.Header().Set("X-Request-Id", c.RequestID)
		if !rec.http2 {
			rec.limit() // net/http may write "100 Continue", and that of the request before may be over
		}
		defer rec.limit() // net/http writes the rest of the answer after the handler

		defer func() { //nolint:contextcheck // the request's own, which is r's by now
			took := time.Since(began)
			status := strconv.Itoa(max(rec.status, http.StatusOK))
			if seen.code != "" {
				status = seen.code
			}
			m.observe(route(r), status, took)
			level, stranger := levelOf(r.URL.Path), c.UserID == uuid.Nil
			if !log.Enabled(r.Context(), level) || stranger && !strangers.mayLog() {
				return
			}
			attrs := []slog.Attr{
				slog.String("method", r.Method),
				slog.String("path", r.URL.Path),
				slog.Int("status", max(rec.status, http.StatusOK)), // nothing written is 200
				slog.Float64("duration_ms", float64(took.Microseconds())/1000),
				slog.String("request_id", c.RequestID),
				slog.String("ip", c.Address()),
			}
			if seen.code != "" {
				attrs = append(attrs, slog.String("code", seen.code))
			}
			if !stranger {
				attrs = append(attrs, slog.String("user_id", c.UserID.String()))
			} else if n := strangers.skipped.Swap(0); n > 0 {
				attrs = append(attrs, slog.Int64("skipped", n))
			}
			log.LogAttrs(r.Context(), level, "request", attrs...)
		}()
		next.ServeHTTP(rec, r)
	})
}

// strangersLines is how many requests of callers who are nobody's are logged in a second: who has no credential shall not
// fill the disk.
const strangersLines = 100

// quiet bounds the log lines about strangers. Those that it keeps back are counted, and told with the next one.
type quiet struct {
	lines   *rate.Limiter
	skipped atomic.Int64
}

func newQuiet() *quiet { return &quiet{lines: rate.NewLimiter(strangersLines, strangersLines)} }

func (q *quiet) mayLog() bool {
	may := q.lines.Allow()
	if !may {
		q.skipped.Add(1)
	}
	return may
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

// observation is what only the outside of a call knows, and what only its inside does.
type observation struct {
	method, path string
	code         string
}

type observationKey struct{}

// observed tells in the log which call it is about.
func observed(ctx context.Context) []slog.Attr {
	seen, ok := ctx.Value(observationKey{}).(*observation)
	if !ok {
		return nil
	}
	return []slog.Attr{slog.String("method", seen.method), slog.String("path", seen.path)}
}

// note tells observe how the call ended: an HTTP status says little for gRPC.
func note(ctx context.Context, err *connect.Error) {
	if seen, ok := ctx.Value(observationKey{}).(*observation); ok && err != nil {
		seen.code = err.Code().String()
	}
}

// tellAndNote is tell for errors that no interceptor sees.
func tellAndNote(ctx context.Context, err error) *connect.Error {
	told := tell(ctx, err)
	note(ctx, told)
	return told
}

// writeIdle is how long a client may take for each piece of an answer.
var writeIdle = 30 * time.Second

// recorder remembers the status and gives each write its own time, so that a client that reads nothing does not hold a
// stream for ever. The deadline is set in the writing goroutine. An answer may well pause for longer: on HTTP/2, where a
// deadline that passes ends the stream, it is taken back after; on HTTP/1 it counts for writes alone, and the next one sets
// it anew.
type recorder struct {
	http.ResponseWriter
	control *http.ResponseController
	status  int
	http2   bool
	limited time.Time // when the deadline was set last; HTTP/1 only
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

// limit sets a deadline, unless one is about as good: a stream writes very often.
func (r *recorder) limit() {
	now := time.Now()
	if !r.http2 {
		if now.Sub(r.limited) < writeIdle/16 {
			return
		}
		r.limited = now
	}
	_ = r.control.SetWriteDeadline(now.Add(writeIdle))
}

func (r *recorder) unlimit() {
	if r.http2 {
		_ = r.control.SetWriteDeadline(time.Time{})
	}
}
