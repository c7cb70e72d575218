package deploy_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestProxies checks that browsers are told to use TLS alone, and that nobody sees the metrics from outside.
func TestProxies(t *testing.T) {
	t.Parallel()
	for file, wants := range map[string][]string{
		"nginx.conf": {`add_header Strict-Transport-Security "max-age=31536000; includeSubDomains" always;`, "ssl_protocols       TLSv1.2 TLSv1.3;", "location = /metrics { return 404; }"},
		"Caddyfile":  {`header Strict-Transport-Security "max-age=31536000; includeSubDomains"`, "respond /metrics 404"}, // TLS 1.2 and 1.3 by default
		"envoy.yaml": {"header: { key: strict-transport-security, value: max-age=31536000; includeSubDomains }", "match: { path: /metrics }\n                          direct_response: { status: 404 }"},
	} {
		text, err := os.ReadFile(filepath.Join("proxy", file))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range wants {
			if !strings.Contains(string(text), want) {
				t.Errorf("%s has no %q", file, want)
			}
		}
	}
}
