package server

import (
	"maps"
	"net/http"
	"slices"

	connectcors "connectrpc.com/cors"
	"github.com/rs/cors"

	"github.com/paddock-gate/paddock/internal/idempotency"
)

// contentSecurityPolicy allows the page what is ours and nothing else. Neither scripts nor styles may stand in a page.
const contentSecurityPolicy = "default-src 'self'; img-src 'self' data:; " +
	"object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"

// secured sets the headers that every answer carries.
func secured(policy string, next http.Handler) http.Handler {
	carried := http.Header{ // all answers share the values, which nobody writes to
		"X-Content-Type-Options":     {"nosniff"},
		"X-Frame-Options":            {"DENY"},
		"Referrer-Policy":            {"no-referrer"},
		"Content-Security-Policy":    {policy},
		"Cross-Origin-Opener-Policy": {"same-origin"},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		maps.Copy(w.Header(), carried)
		next.ServeHTTP(w, r)
	})
}

// clientHeaders are what the browser builds of Ollama's, OpenAI's and Anthropic's clients send besides. Nothing here reads
// them, but a browser asks first whether it may send them.
var clientHeaders = []string{
	"User-Agent",
	"X-Stainless-Arch", "X-Stainless-Async", "X-Stainless-Custom-Poll-Interval", "X-Stainless-Helper-Method",
	"X-Stainless-Lang", "X-Stainless-Os", "X-Stainless-Package-Version", "X-Stainless-Poll-Helper",
	"X-Stainless-Retry-Count", "X-Stainless-Runtime", "X-Stainless-Runtime-Version", "X-Stainless-Timeout",
	"Openai-Beta", "Openai-Organization", "Openai-Project",
	"Anthropic-Version", "Anthropic-Beta", "Anthropic-Dangerous-Direct-Browser-Access",
}

// crossOrigin lets the pages of the origins call us. They send their access token; cookies stay out of it.
func crossOrigin(origins []string, next http.Handler) http.Handler {
	if len(origins) == 0 {
		return next
	}
	return cors.New(cors.Options{
		AllowedOrigins: origins,
		AllowedMethods: connectcors.AllowedMethods(),
		AllowedHeaders: slices.Concat(connectcors.AllowedHeaders(), clientHeaders,
			[]string{"Authorization", "X-Api-Key", "X-Request-Id", idempotency.Header}),
		ExposedHeaders: slices.Concat(connectcors.ExposedHeaders(),
			[]string{"X-Request-Id", "Retry-After", "X-Should-Retry", "X-Ratelimit-Limit", "X-Ratelimit-Remaining", "X-Ratelimit-Reset"}),
		MaxAge: 7200,
	}).Handler(next)
}
