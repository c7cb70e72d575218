package ops_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/internal/caller"
	"github.com/paddock-gate/paddock/internal/ops"
	"github.com/paddock-gate/paddock/internal/telemetry"
)

// BenchmarkObserve measures what surrounds a model call of a user: its log line and metrics, without tracing.
func BenchmarkObserve(b *testing.B) {
	log := slog.New(slog.NewJSONHandler(io.Discard, nil)) //nolint:sloglint // encoding the line counts
	user := uuid.Must(uuid.NewV7())
	h := ops.Observe(log, ops.NewMetrics("", nil, nil, func() int { return 0 }), nil, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := caller.From(r.Context())
		c.UserID, c.IP = user, netip.IPv6Loopback()
		noted := telemetry.From(r.Context())
		noted.Model, noted.Upstream, noted.Outcome = "llama3.2:latest", "gpu:11434", "ok"
		noted.PromptTokens, noted.CompletionTokens = 100, 200
		noted.Token()
		w.WriteHeader(http.StatusOK)
	}))
	r := httptest.NewRequest(http.MethodPost, "/v1/chat/completions", nil)
	r.Pattern = "POST /v1/chat/completions"
	r.Header.Set("X-Request-Id", "a-request")
	w := httptest.NewRecorder()
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(w, r)
	}
}
