package apptest_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// TestCallsAreTracedWhenOTELSaysSo: a call's span is with the collector by the time that the server has ended, and holds
// no credential.
func TestCallsAreTracedWhenOTELSaysSo(t *testing.T) {
	var mu sync.Mutex
	var sent bytes.Buffer
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if r.URL.Path != "/v1/traces" {
			t.Errorf("the collector was asked for %s", r.URL.Path)
		}
		_, _ = io.Copy(&sent, r.Body)
	}))
	defer collector.Close()
	// The exporter reads the process's own environment.
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	a := apptest.Start(t, storetest.SQLite(t), apptest.Env{"OTEL_EXPORTER_OTLP_ENDPOINT": collector.URL})
	if _, err := a.Admin().Auth.WhoAmI(t.Context(), &paddockv1.WhoAmIRequest{}); err != nil {
		t.Fatal(err)
	}
	if err := a.Stop(); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	for _, want := range []string{"paddock.v1.AuthService", "WhoAmI", "service.name"} {
		if !bytes.Contains(sent.Bytes(), []byte(want)) {
			t.Errorf("no span says %q", want)
		}
	}
	if bytes.Contains(sent.Bytes(), []byte(a.AdminKey)) {
		t.Error("a span holds the API key")
	}
}
