package config

import (
	"cmp"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// check finds the faults that no variable shows by itself. The first fault of a variable counts.
func (d *draft) check() {
	if d.Environment == Prod {
		d.checkProd()
	}
	if d.Tracing {
		d.checkTracing()
	}
	d.checkSecret("JWT_SECRET", d.Tokens.Secret)
	d.checkSecret("JWT_SECRET_PREVIOUS", d.Tokens.PreviousSecret)
	d.require("METRICS_ADDR", !samePort(d.ListenAddr, d.MetricsAddr), "must not be the same port as LISTEN_ADDR")
	d.checkUpstreams()
	d.checkRetain()
	d.checkWitness()
	d.checkMemory(8*uint32(d.Argon2.Parallelism), "must be at least 8 times ARGON2_PARALLELISM")
}

// checkProd finds what is only fit for one's own machine.
func (d *draft) checkProd() {
	d.require("JWT_SECRET", d.Tokens.Secret != "" || !d.signs, "must be set in prod; `openssl rand -hex 32` makes one")
	d.require("CORS_ALLOWED_ORIGINS", !slices.Contains(d.CORSAllowedOrigins, "*"), "must not be * in prod")
	password := d.Bootstrap.Password.Reveal()
	d.require("ADMIN_BOOTSTRAP_PASSWORD", password == "" || utf8.RuneCountInString(password) >= d.PasswordMinLength,
		"must have at least PASSWORD_MIN_LENGTH characters in prod")
	// 7168 is the least among OWASP's equivalent settings (Password Storage Cheat Sheet).
	d.checkMemory(7168, "must be at least 7168 in prod")
}

func (d *draft) checkMemory(least uint32, problem string) {
	d.require("ARGON2_MEMORY_KIB", d.Argon2.MemoryKiB == 0 || d.Argon2.MemoryKiB >= least, problem)
}

// checkSecret finds a signing secret that is too short for its algorithm or, in prod, that others could guess.
func (d *draft) checkSecret(variable string, s Secret) {
	if s == "" {
		return
	}
	least := cmp.Or(hashBytes[d.Tokens.Algorithm], hashBytes["HS256"])
	d.require(variable, len(s) >= least, fmt.Sprintf("must be at least %d bytes long for this JWT_ALG", least))
	d.require(variable, d.Environment != Prod || !guessable(s.Reveal()), "must be random, not a sample or a pattern, in prod")
}

// samePort reports whether two listeners would share a port. Port 0 is a different one each time.
func samePort(a, b string) bool {
	hostA, portA, errA := net.SplitHostPort(a)
	hostB, portB, errB := net.SplitHostPort(b)
	if errA != nil || errB != nil || portA != portB || portA == "0" {
		return false
	}
	return hostA == hostB || hostA == "" || hostB == ""
}

// checkUpstreams finds the address of an API in place of its server's, one server twice, and none at all.
func (d *draft) checkUpstreams() {
	const variable = "OLLAMA_BASE_URL"
	seen := map[string]bool{}
	for _, u := range d.Ollama.BaseURLs {
		d.require(variable, !strings.HasSuffix(u.Path, "/v1") && !strings.HasSuffix(u.Path, "/api"), "must be Ollama's own address, without /v1 or /api")
		d.require(variable, !seen[u.String()], notHTTPURLs)
		seen[u.String()] = true
	}
	d.require(variable, len(seen) > 0, notHTTPURL)
}

// samplers are those of OpenTelemetry. Its own word for one that it does not know is a line in the log.
var samplers = []string{"always_on", "always_off", "traceidratio", "parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio"}

// checkTracing finds what the exporter could not do, or would not do as it is told.
func (d *draft) checkTracing() {
	v := d.parts.Tracing
	d.require("OTEL_TRACES_EXPORTER", v.Exporter == "" || v.Exporter == "otlp", "must be otlp or none")
	d.require("OTEL_EXPORTER_OTLP_ENDPOINT", v.Endpoint == "" || isHTTPURL(v.Endpoint), notHTTPURL)
	d.require("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", v.TracesEndpoint == "" || isHTTPURL(v.TracesEndpoint), notHTTPURL)
	const spoken, notSpoken = "http/protobuf", "must be http/protobuf, the one protocol that is supported"
	d.require("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", v.TracesProtocol == "" || v.TracesProtocol == spoken, notSpoken)
	d.require("OTEL_EXPORTER_OTLP_PROTOCOL", v.TracesProtocol != "" || v.Protocol == "" || v.Protocol == spoken, notSpoken)
	d.require("OTEL_TRACES_SAMPLER", v.Sampler == "" || slices.Contains(samplers, v.Sampler), "must be "+strings.Join(samplers, ", "))
	share, err := strconv.ParseFloat(v.SamplerArg, 64)
	d.require("OTEL_TRACES_SAMPLER_ARG", v.SamplerArg == "" || err == nil && share >= 0 && share <= 1, "must be a number from 0 to 1")
	for pair := range strings.SplitSeq(v.Attributes, ",") {
		d.require("OTEL_RESOURCE_ATTRIBUTES", strings.TrimSpace(v.Attributes) == "" || strings.Contains(pair, "="), "must be key=value pairs, comma-separated")
	}
}
