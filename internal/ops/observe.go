package ops

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
	"github.com/paddock-gate/paddock/internal/fault"
)

// Observe gives every request an id and a caller (a stranger, so far), and when it is over a log line and its metrics.
func Observe(log *slog.Logger, m *Metrics, next http.Handler) http.Handler {
	strangers := newQuiet()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		c := &caller.Caller{UserAgent: r.UserAgent(), RequestID: requestID(r)}
		seen := &observation{method: r.Method, path: r.URL.Path}
		r = r.WithContext(caller.With(context.WithValue(r.Context(), observationKey{}, seen), c))
		rec := &recorder{ResponseWriter: w, control: http.NewResponseController(w), http2: r.ProtoMajor == 2}
		w.Header().Set("X-Request-Id", c.RequestID)
		if !rec.http2 {
			rec.limit() // net/http may write "100 Continue", and that of the request before may be over
		}
		defer rec.limit() // net/http writes the rest of the answer after the handler

		defer func() {
			breakOff := survive(rec, r, seen, recover())
			if seen.code == 0 && rec.gone {
				seen.code = connect.CodeCanceled
			}
			took := time.Since(began)
			m.observe(route(r), seen.label(rec.status), took)
			logRequest(r, log, strangers, seen, rec.status, took)
			if breakOff {
				panic(http.ErrAbortHandler)
			}
		}()
		next.ServeHTTP(rec, r)
	})
}

func logRequest(r *http.Request, log *slog.Logger, strangers *quiet, seen *observation, sent int, took time.Duration) {
	c := caller.From(r.Context())
	level, stranger := levelOf(r.URL.Path), c.UserID == uuid.Nil
	if !log.Enabled(r.Context(), level) || stranger && !strangers.mayLog() {
		return
	}
	attrs := []slog.Attr{
		slog.String("method", r.Method),
		slog.String("path", r.URL.Path),
		slog.Int("status", seen.status(sent)),
		slog.Float64("duration_ms", float64(took.Microseconds())/1000),
		slog.String("request_id", c.RequestID),
		slog.String("ip", c.Address()),
	}
	if seen.code != 0 {
		attrs = append(attrs, slog.String("code", seen.code.String()))
	}
	if !stranger {
		attrs = append(attrs, slog.String("user_id", c.UserID.String()))
	} else if n := strangers.skipped.Swap(0); n > 0 {
		attrs = append(attrs, slog.Int64("skipped", n))
	}
	log.LogAttrs(r.Context(), level, "request", attrs...)
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
	code         connect.Code // that the call has failed with; 0: none, or the status tells
	// refuse answers with an error in the terms of the call's client; nil until the door knows those.
	refuse func(w http.ResponseWriter, r *http.Request, told *connect.Error)
}

// status is the HTTP status of the call. One that fails after that has been sent, or over gRPC, has the status that it
// would have had. Nothing written is 200.
func (o *observation) status(sent int) int {
	if sent < http.StatusBadRequest && o.code != 0 {
		return fault.HTTPStatus(o.code)
	}
	return max(sent, http.StatusOK)
}

// label is how the call ended, for metrics.
func (o *observation) label(sent int) string {
	if o.code != 0 {
		return o.code.String()
	}
	return strconv.Itoa(o.status(sent))
}

type observationKey struct{}

// observationOf returns the call's observation, nil when nobody observes it.
func observationOf(ctx context.Context) *observation {
	seen, _ := ctx.Value(observationKey{}).(*observation)
	return seen
}

// CallAttrs are what a line of the log says of the call that it is about.
func CallAttrs(ctx context.Context) []slog.Attr {
	attrs := []slog.Attr{slog.String("request_id", caller.From(ctx).RequestID)}
	if seen := observationOf(ctx); seen != nil {
		attrs = append(attrs, slog.String("method", seen.method), slog.String("path", seen.path))
	}
	return attrs
}

// NoteCode sets the code that ctx's call has failed with: an HTTP status says little for gRPC.
func NoteCode(ctx context.Context, code connect.Code) {
	if seen := observationOf(ctx); seen != nil {
		seen.code = code
	}
}

// OnPanic sets how the client of ctx's call is answered if its handler panics.
func OnPanic(ctx context.Context, refuse func(http.ResponseWriter, *http.Request, *connect.Error)) {
	if seen := observationOf(ctx); seen != nil {
		seen.refuse = refuse
	}
}
