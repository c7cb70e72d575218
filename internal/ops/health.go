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
)

// Health answers the probes: alive as long as the process is, ready while it can serve.
type Health struct {
	Store    *store.Store
	Pings    *Pings
	Draining func() bool
	Services []string // that Check knows
}

// readiness is the answer of /readyz. The upstream is told and does not count: accounts and keys work without it.
type readiness struct {
	Status   string            `json:"status"` // "ready", "unavailable"
	Checks   map[string]string `json:"checks"`
	Upstream string            `json:"upstream"` // "ok", "degraded" when only some servers answer, "unavailable"
}

const (
	// pingHolds is how old the word about the upstream may be: probes come often, and from strangers.
	pingHolds = 3 * time.Second
	// pingPatience is how long the upstream may take to answer.
	pingPatience = time.Second
)

// Pings are how the Ollama servers answered last.
type Pings struct {
	upstream *upstream.Pool

	mu  sync.Mutex
	at  time.Time
	all []upstream.Health
}

// NewPings returns what asks the upstream's servers.
func NewPings(upstream *upstream.Pool) *Pings { return &Pings{upstream: upstream} }

// ask tells how the Ollama servers answer. It asks them, unless it did so just now: the circuit breakers know nothing
// before the first calls. The log tells when one stops answering and when it does again.
func (p *Pings) ask(ctx context.Context) []upstream.Health {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.at) < pingHolds {
		return p.all
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pingPatience) // others wait for it too
	defer cancel()
	before := p.all
	p.all = p.upstream.Ping(ctx)
	p.at = time.Now()
	for i, h := range p.all {
		switch answered := before == nil || before[i].Err == nil; {
		case answered && h.Err != nil:
			slog.WarnContext(ctx, "Ollama server does not answer", "upstream", h.Name, "error", h.Err)
		case !answered && h.Err == nil:
			slog.InfoContext(ctx, "Ollama server answers again", "upstream", h.Name)
		}
	}
	return p.all
}

// state tells of all the Ollama servers together whether they answer.
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

// ready tells by checks whether calls can be served.
func (h *Health) ready(ctx context.Context) (checks map[string]string, ready bool) {
	checks = map[string]string{"database": "ok", "schema": "ok", "serving": "ok"}
	ready = true
	fail := func(check, why string) { checks[check], ready = why, false }
	if h.Draining() {
		fail("serving", "shutting down")
	}
	if err := h.Store.Ping(ctx); err != nil {
		fail("database", "unavailable")
		fail("schema", "unknown")
	} else if err := migrate.Check(ctx, h.Store); err != nil {
		fail("schema", "not the one that this version needs")
	}
	return checks, ready
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

// Healthz answers GET /healthz.
func (h *Health) Healthz(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte(`{"status":"ok"}` + "\n"))
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
