package server

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/paddock-gate/paddock/internal/ollama"
	"github.com/paddock-gate/paddock/internal/secret"
	"github.com/paddock-gate/paddock/internal/store"
)

// metrics is a registry of our own, never the global one.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
	streams  prometheus.Gauge
}

func newMetrics(s *store.Store, h *secret.Hasher, upstream *ollama.Client) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "paddock_request_duration_seconds",
			Help:    "Requests by route and outcome: their number, and how long they took to the last byte.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 120},
		}, []string{"route", "code"}),
		streams: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "paddock_streams_in_flight",
			Help: "Streamed answers that are running.",
		}),
	}
	m.registry.MustRegister(
		m.requests, m.streams,
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	m.gauge("paddock_hash_slots", "Argon2id hashes that may run at once.", func() int { _, _, n := h.Stats(); return n })
	m.gauge("paddock_hash_slots_busy", "Argon2id hashes that are running.", func() int { n, _, _ := h.Stats(); return n })
	m.gauge("paddock_hash_queue", "Argon2id hashes that wait for a slot.", func() int { _, n, _ := h.Stats(); return n })
	m.gauge("paddock_db_connections", "Connections that the pool may open.", func() int { return s.Connections().Max })
	m.gauge("paddock_db_connections_in_use", "Connections in use.", func() int { return s.Connections().InUse })
	m.gauge("paddock_db_connections_idle", "Connections open and idle.", func() int { return s.Connections().Idle })
	m.gauge("paddock_upstream_up", "1 while the circuit breaker lets calls through to the Ollama server.", func() int {
		if upstream.State() == ollama.Open {
			return 0
		}
		return 1
	})
	return m
}

func (m *metrics) gauge(name, help string, value func() int) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help},
		func() float64 { return float64(value()) }))
}

func (m *metrics) observe(route, code string, took time.Duration) {
	m.requests.WithLabelValues(route, code).Observe(took.Seconds())
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
