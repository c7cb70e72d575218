package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/paddock-gate/paddock/internal/config"
)

func TestSecret_NeverPrinted(t *testing.T) {
	const text = "hunter2"
	c := config.Config{Tokens: config.Tokens{Secret: text}, Database: config.Database{URL: text}}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%c", "%5.2f", "%z"} {
		for name, value := range map[string]any{
			"Secret": config.Secret(text), "Config": c, "pointer": &c, "slice": []config.Secret{text}, "error": fmt.Errorf("x: %v", c.Tokens),
		} {
			if got := fmt.Sprintf(verb, value); leaks(got, text) {
				t.Errorf("%s of %s: %s", verb, name, got)
			}
		}
	}
	encoded, err := json.Marshal(c)
	if err != nil || leaks(string(encoded), text) {
		t.Errorf("json: %s (%v)", encoded, err)
	}
	var out bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(h).Info("start", "secret", config.Secret(text), "config", c)
	}
	if leaks(out.String(), text) || !strings.Contains(out.String(), "[redacted]") {
		t.Errorf("slog: %s", out.String())
	}
}

// leaks finds text in got, also spelled in hexadecimal.
func leaks(got, text string) bool {
	got = strings.ToLower(got)
	return strings.Contains(got, text) || strings.Contains(got, fmt.Sprintf("%x", text))
}

func TestSecret_Reveal(t *testing.T) {
	if got := config.Secret("hunter2").Reveal(); got != "hunter2" {
		t.Errorf("got %q", got)
	}
}
