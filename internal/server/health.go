package server

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"connectrpc.com/connect"
	"connectrpc.com/grpchealth"

	"github.com/paddock-gate/paddock/internal/ollama"
	"github.com/paddock-gate/paddock/internal/store"
)

// health answers the probes: alive as long as the process is, ready while it can serve.
type health struct {
	store    *store.Store
	upstream *ollama.Client
	calls    *calls
}

// readiness is the answer of /readyz. The upstream is told and does not count: accounts and keys work without it.
type readiness struct {
	Status   string            `json:"status"` // "ready", "unavailable"
	Checks   map[string]string `json:"checks"`
	Upstream string            `json:"upstream"`
}

// upstreamWords tell what the circuit breaker thinks, to people who need not know that there is one.
var upstreamWords = map[ollama.State]string{ollama.Closed: "ok", ollama.HalfOpen: "in doubt", ollama.Open: "unavailable"}

func (h *health) readiness(ctx context.Context) (readiness, bool) {
	checks := map[string]string{"database": "ok", "schema": "ok", "serving": "ok"}
	ready := true
	fail := func(check, why string) { checks[check], ready = why, false }
	if h.calls.draining() {
		fail("serving", "shutting down")
	}
	if err := h.store.Ping(ctx); err != nil {
		fail("database", "unavailable")
		fail("schema", "unknown")
	} else if err := h.store.CheckSchema(ctx); err != nil {
		fail("schema", "not the one that this version needs")
	}
	r := readiness{Status: "ready", Checks: checks, Upstream: upstreamWords[h.upstream.State()]}
	if !ready {
		r.Status = "unavailable"
	}
	return r, ready
}

func (h *health) readyz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	answer, ready := h.readiness(ctx)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if !ready {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(answer)
}

func (h *health) healthz(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte(`{"status":"ok"}` + "\n"))
}

// Check implements grpchealth.Checker for the server as a whole and for each of our services.
func (h *health) Check(ctx context.Context, req *grpchealth.CheckRequest) (*grpchealth.CheckResponse, error) {
	if req.Service != "" && !isService(req.Service) {
		return nil, connect.NewError(connect.CodeNotFound, errors.New("no such service"))
	}
	if _, ready := h.readiness(ctx); !ready {
		return &grpchealth.CheckResponse{Status: grpchealth.StatusNotServing}, nil
	}
	return &grpchealth.CheckResponse{Status: grpchealth.StatusServing}, nil
}
