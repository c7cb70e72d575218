package apptest_test

import (
	"bytes"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// TestTracing_Export checks that a call's span is with the collector by the time that the server has ended, and holds no
// credential.
func TestTracing_Export(t *testing.T) {
	sent := traced(t, func(a *apptest.App) {
		if _, err := a.Admin().Auth.WhoAmI(t.Context(), &paddockv1.WhoAmIRequest{}); err != nil {
			t.Error(err)
		}
	})
	for _, want := range []string{"paddock.v1.AuthService", "WhoAmI", "service.name"} {
		if !bytes.Contains(sent, []byte(want)) {
			t.Errorf("no span says %q", want)
		}
	}
	if bytes.Contains(sent, []byte("pdk_")) {
		t.Error("a span holds the API key")
	}
}

// TestTracing_CallersTraceparent checks that a caller decides neither the id of our traces nor whether they are kept.
func TestTracing_CallersTraceparent(t *testing.T) {
	const trace, span = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	sent := traced(t, func(a *apptest.App) {
		for _, sampled := range []string{"00", "01"} {
			header := apptest.WithHeader("Traceparent", "00-"+trace+"-"+span+"-"+sampled)
			if _, err := a.As(a.AdminKey, header).Auth.WhoAmI(t.Context(), &paddockv1.WhoAmIRequest{}); err != nil {
				t.Error(err)
			}
		}
	})
	// In OTLP a link begins with both ids as fields 1 and 2; a span names its parent in field 4.
	link, err := hex.DecodeString("0a10" + trace + "1208" + span)
	if err != nil {
		t.Fatal(err)
	}
	parent := append([]byte{4<<3 | 2, 8}, link[len(link)-8:]...)
	if n := bytes.Count(sent, link); n != 2 || bytes.Contains(sent, parent) {
		t.Errorf("of 2 calls %d are linked to the caller's trace, or one continues it", n)
	}
}

// traced returns what a server that calls does has sent to the collector by its end.
func traced(t *testing.T, calls func(*apptest.App)) []byte {
	t.Helper()
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
	calls(a)
	if err := a.Stop(); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	return sent.Bytes()
}
