package ops

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"connectrpc.com/connect"
	"connectrpc.com/grpchealth"

	"github.com/paddock-gate/paddock/internal/migrate"
	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/upstream"
	"github.com/paddock-gate/paddock/internal/version"
)

// Health answers probes: the server is alive while the process is, and ready while it can serve.
type Health struct {
	Store    *store.Store
	Pings    *Pings
	Stopping func() bool // reports whether the server is shutting down
	Services []string    // that Check knows
}

// readiness is the response of /readyz. The upstream is reported and does not count: accounts and keys work without it.
type readiness struct {
	Status   string            `json:"status"` // "ready", "unavailable"
	Checks   map[string]string `json:"checks"`
	Upstream string            `json:"upstream"` // "ok", "degraded" when only some servers answer, "unavailable"
}

const (
	// pingTTL is for how long answers of the upstream are kept: probes are frequent and unauthenticated.
	pingTTL = 3 * time.Second
	// pingTimeout is how long the upstream may take to answer.
	pingTimeout = time.Second
)

// Pings asks the Ollama servers whether they are there, and keeps their answers for a moment.
type Pings struct {
	upstream *upstream.Pool

	mu   sync.Mutex
	at   time.Time
	last []upstream.Health
}

// NewPings returns Pings of the upstream's servers.
func NewPings(upstream *upstream.Pool) *Pings { return &Pings{upstream: upstream} }

// ask returns how the Ollama servers answer, at most pingTTL ago: the circuit breakers know nothing before the first calls. It logs
// when a server stops answering and when it answers again.
func (p *Pings) ask(ctx context.Context) []upstream.Health {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.at) < pingTTL {
		return p.last
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pingTimeout) // whose answers serve others, too
	defer cancel()
	before := p.last
	p.last = p.upstream.Ping(ctx)
	p.at = time.Now()
	for i, h := range p.last {
		switch answered := before == nil || before[i].Err == nil; {
		case answered && h.Err != nil:
			slog.WarnContext(ctx, "Ollama server does not answer", "upstream", h.Name, "error", h.Err)
		case !answered && h.Err == nil:
			slog.InfoContext(ctx, "Ollama server answers again", "upstream", h.Name)
		}
	}
	return p.last
}

// state returns whether the Ollama servers answer, in the words of readiness.
func (p *Pings) state(ctx context.Context) string {
	answered := func(h upstream.Health) bool { return h.Err == nil }
	all := p.ask(ctx)
	switch silent := slices.DeleteFunc(slices.Clone(all), answered); len(silent) {
	case 0:
		return "ok"
	case len(all):
		return "unavailable"
	}
	return "degraded"
}

// ready reports whether calls can be served, and the result of each check.
func (h *Health) ready(ctx context.Context) (checks map[string]string, ready bool) {
	checks = map[string]string{"database": "ok", "schema": "ok", "serving": "ok"}
	ready = true
	fail := func(check, why string) { checks[check], ready = why, false }
	if h.Stopping() {
		fail("serving", "shutting down")
	}
	if err := h.Store.Ping(ctx); err != nil {
		fail("database", "unavailable")
		fail("schema", "unknown")
		return checks, ready
	}
	if err := migrate.Check(ctx, h.Store); err != nil {
		fail("schema", schemaFault(err))
	}
	if err := h.Store.Writable(ctx); err != nil {
		fail("database", "cannot be written")
	}
	return checks, ready
}

// schemaFault returns why migrate.Check failed, in words for everyone.
func schemaFault(err error) string {
	switch {
	case errors.Is(err, migrate.ErrBehind):
		return "older than this version needs"
	case errors.Is(err, migrate.ErrAhead):
		return "newer than this version can run on"
	case errors.Is(err, migrate.ErrBroken):
		return "a migration stopped half-way"
	}
	return "unknown"
}

// Readyz answers GET /readyz.
func (h *Health) Readyz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	checks, ready := h.ready(ctx)
	answer := readiness{Status: "ready", Checks: checks, Upstream: h.Pings.state(ctx)}
	if !ready {
		answer.Status = "unavailable"
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if !ready {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// Healthz answers GET /healthz: the process lives, and which version it is.
func (h *Health) Healthz(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(struct {
		Status  string `json:"status"`
		Version string `json:"version"`
	}{"ok", version.String()})
}

// Check implements grpchealth.Checker for the server as a whole and for each of our services.
func (h *Health) Check(ctx context.Context, req *grpchealth.CheckRequest) (*grpchealth.CheckResponse, error) {
	if req.Service != "" && !slices.Contains(h.Services, req.Service) {
		return nil, connect.NewError(connect.CodeNotFound, errors.New("no such service"))
	}
	if _, ready := h.ready(ctx); !ready {
		return &grpchealth.CheckResponse{Status: grpchealth.StatusNotServing}, nil
	}
	return &grpchealth.CheckResponse{Status: grpchealth.StatusServing}, nil
}
