package ops

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"connectrpc.com/connect"
	"golang.org/x/time/rate"

	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/caller"
	"github.com/paddock-gate/paddock/internal/telemetry"
)

// Observe returns a handler that calls next with an id and an unauthenticated caller in each request's context, and then logs the
// request, counts it in the metrics and ends its span. If next panics, the client is answered, or the connection closed.
func Observe(log *slog.Logger, m *Metrics, tracing *Tracing, next http.Handler) http.Handler {
	unauthenticated := newSampler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		c := &caller.Caller{UserAgent: r.UserAgent(), RequestID: requestID(r)}
		seen := &observation{Call: telemetry.Call{Began: began}, method: r.Method, path: loggedPath(r.URL.Path)}
		ctx, span := tracing.begin(r.Context(), r, seen)
		r = r.WithContext(caller.With(telemetry.With(ctx, seen), c))
		rec := &recorder{ResponseWriter: w, control: http.NewResponseController(w), http2: r.ProtoMajor == 2}
		w.Header().Set("X-Request-Id", c.RequestID)
		if !rec.http2 {
			rec.setDeadline() // net/http may write "100 Continue", and the deadline of the request before may have passed
		}
		defer rec.setDeadline() // net/http writes the rest of the response after the handler

		defer func() {
			abort := afterPanic(rec, r, seen, recover())
			if seen.code == 0 && rec.clientGone {
				seen.code = connect.CodeCanceled
			}
			took := time.Since(began)
			m.observe(route(r), rec.status, seen, took)
			logRequest(r, log, unauthenticated, seen, rec.status, took)
			endSpan(span, r, seen, rec.status)
			if abort {
				panic(http.ErrAbortHandler)
			}
		}()
		next.ServeHTTP(rec, r)
	})
}

func logRequest(r *http.Request, log *slog.Logger, unauthenticated *sampler, seen *observation, sent int, took time.Duration) {
	c := caller.From(r.Context())
	level := levelOf(r.URL.Path)
	if !log.Enabled(r.Context(), level) || !c.SignedIn() && !unauthenticated.sample() {
		return
	}
	attrs := append(make([]slog.Attr, 0, 16),
		slog.String("method", r.Method),
		slog.String("path", seen.path),
		slog.Int("status", seen.status(sent)),
		slog.Float64("duration_ms", milliseconds(took)),
		slog.String("request_id", c.RequestID),
		slog.String("ip", c.Address()),
	)
	if seen.code != 0 {
		attrs = append(attrs, slog.String("code", seen.code.String()))
	}
	if c.SignedIn() {
		attrs = append(attrs, slog.String("user_id", c.UserID.String()))
	} else if n := unauthenticated.skipped.Swap(0); n > 0 {
		attrs = append(attrs, slog.Int64("skipped", n))
	}
	if seen.traceID != "" {
		attrs = append(attrs, slog.String("trace_id", seen.traceID))
	}
	log.LogAttrs(r.Context(), level, "request", seen.appendModelCall(attrs)...)
}

// credentialPrefixes are how keys and tokens begin, ours and other services'.
var credentialPrefixes = []string{"pdk_", "pdr_", "sk-", "eyJ"}

// credential matches what looks like a key or token.
var credential = regexp.MustCompile(`\b(` + strings.Join(credentialPrefixes, "|") + `)[\w.~+=-]{16,}`)

// loggedPath returns a path as it is logged: without keys and tokens, which clients that are set up wrongly send in it.
func loggedPath(path string) string {
	if !slices.ContainsFunc(credentialPrefixes, func(prefix string) bool { return strings.Contains(path, prefix) }) {
		return path
	}
	return credential.ReplaceAllString(path, "$1…")
}

// appendModelCall appends what is known of a model call.
func (o *observation) appendModelCall(attrs []slog.Attr) []slog.Attr {
	if o.Model != "" {
		attrs = append(attrs, slog.String("model", o.Model))
	}
	if o.Upstream != "" {
		attrs = append(attrs, slog.String("upstream", o.Upstream), slog.Float64("queue_ms", milliseconds(o.Queued)))
	}
	if o.FirstToken > 0 {
		attrs = append(attrs, slog.Float64("first_token_ms", milliseconds(o.FirstToken)))
	}
	if o.Outcome != "" {
		attrs = append(attrs, slog.Int64("prompt_tokens", o.PromptTokens), slog.Int64("completion_tokens", o.CompletionTokens))
	}
	return attrs
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// sampledPerSecond is how many unauthenticated requests are logged in a second, so that clients without a credential cannot fill the
// disk.
const sampledPerSecond = 100

// sampler limits the rate of log lines. The next line reports how many were skipped.
type sampler struct {
	limiter *rate.Limiter
	skipped atomic.Int64
}

func newSampler() *sampler {
	return &sampler{limiter: rate.NewLimiter(sampledPerSecond, sampledPerSecond)}
}

// sample reports whether to write a line.
func (s *sampler) sample() bool {
	ok := s.limiter.Allow()
	if !ok {
		s.skipped.Add(1)
	}
	return ok
}

// route returns the pattern that matched, of which there are few; never the path, of which there can be any number.
func route(r *http.Request) string {
	if r.Pattern == "" {
		return "none"
	}
	return strings.TrimPrefix(r.Pattern, r.Method+" ")
}

// levelOf returns the level at which requests of the path are logged, which is lower for probes.
func levelOf(path string) slog.Level {
	if isProbe(path) {
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

func isProbe(path string) bool { return path == "/healthz" || path == "/readyz" || path == "/metrics" }

// requestID returns the id that a proxy or client sent if it is harmless, else a new one of 128 bits.
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

// observation is what Observe and the handlers inside it know of a call.
type observation struct {
	telemetry.Call
	method, path string
	traceID      string       // "" if the trace is not kept
	code         connect.Code // that the call has failed with; 0 if it has not, or with the response's status
	// refuse writes an error in terms of the call's client; nil until OnPanic.
	refuse func(w http.ResponseWriter, r *http.Request, err *connect.Error)
}

// status returns the HTTP status of the call. A call that has failed after its status was sent, or over gRPC, has the status of its
// code. If nothing was written, it is 200.
func (o *observation) status(sent int) int {
	if sent < http.StatusBadRequest && o.code != 0 {
		return apierr.HTTPStatus(o.code)
	}
	return max(sent, http.StatusOK)
}

// label returns how the call ended, for metrics.
func (o *observation) label(sent int) string {
	if o.code != 0 {
		return o.code.String()
	}
	return strconv.Itoa(o.status(sent))
}

// observationOf returns the call's observation, nil outside of Observe.
func observationOf(ctx context.Context) *observation {
	seen, _ := telemetry.CarrierFrom(ctx).(*observation)
	return seen
}

// CallAttrs returns the attributes that identify ctx's call in the log.
func CallAttrs(ctx context.Context) []slog.Attr {
	attrs := []slog.Attr{slog.String("request_id", caller.From(ctx).RequestID)}
	if seen := observationOf(ctx); seen != nil {
		attrs = append(attrs, slog.String("method", seen.method), slog.String("path", seen.path))
		if seen.traceID != "" {
			attrs = append(attrs, slog.String("trace_id", seen.traceID))
		}
	}
	return attrs
}

// NoteCode sets the code that ctx's call has failed with, for the log and metrics: over gRPC the HTTP status says little.
func NoteCode(ctx context.Context, code connect.Code) {
	if seen := observationOf(ctx); seen != nil {
		seen.code = code
	}
}

// OnPanic sets how the client is answered if the handler of ctx's call panics.
func OnPanic(ctx context.Context, refuse func(http.ResponseWriter, *http.Request, *connect.Error)) {
	if seen := observationOf(ctx); seen != nil {
		seen.refuse = refuse
	}
}
