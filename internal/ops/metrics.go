package ops

import (
	"cmp"
	"context"
	"math"
	"net/http"
	"runtime"
	"strconv"
	"sync"
	"time"

	"connectrpc.com/connect"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/paddock-gate/paddock/internal/secret"
	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/telemetry"
	"github.com/paddock-gate/paddock/internal/upstream"
	"github.com/paddock-gate/paddock/internal/usage"
)

// Metrics are the server's metrics, in a registry of their own.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
	codes    *prometheus.CounterVec
	waits    *prometheus.HistogramVec
	calls    *prometheus.CounterVec
	tokens   *prometheus.CounterVec
	models   *modelMetrics
}

// NewMetrics returns metrics of all but the upstream, which Watch adds. version is the program's, and streams returns how many
// responses are being streamed.
func NewMetrics(version string, s *store.Store, h *secret.Hasher, streams func() int) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "paddock_request_duration_seconds",
			Help:    "Requests by route and outcome: their number, and how long they took to the last byte.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 120},
		}, []string{"route", "code"}),
		waits: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "paddock_queue_wait_seconds",
			Help:    "Model calls whose turn came, interactive or batch: their number, and how long they waited for it.",
			Buckets: []float64{.001, .01, .1, .5, 1, 2.5, 5, 10, 30, 60, 120},
		}, []string{"class"}),
	}
	m.calls = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "paddock_model_calls_total",
		Help: "Model calls that are settled, by kind and outcome.",
	}, []string{"kind", "outcome"})
	m.tokens = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "paddock_tokens_total",
		Help: "Tokens that model calls have used: of the prompt or of the completion.",
	}, []string{"of"})
	m.codes = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "paddock_requests_total",
		Help: "Requests by outcome.",
	}, []string{"code"})
	m.models = newModelMetrics(m.registry)
	m.begin()
	m.registry.MustRegister(
		m.requests, m.codes, m.waits, m.calls, m.tokens,
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "paddock_build_info", Help: "1, with the program's version.",
		ConstLabels: prometheus.Labels{"version": cmp.Or(version, "unknown"), "goversion": runtime.Version()},
	}, func() float64 { return 1 }))
	m.database("paddock_database_up", "1 while the database answers.", func(ctx context.Context) float64 {
		if s.Ping(ctx) != nil {
			return 0
		}
		return 1
	})
	m.gauge("paddock_hash_slots", "Argon2id hashes that may run at once.", func() int { _, _, n := h.Stats(); return n })
	m.gauge("paddock_hash_slots_busy", "Argon2id hashes that are running.", func() int { n, _, _ := h.Stats(); return n })
	m.gauge("paddock_hash_queue", "Argon2id hashes that wait for a slot.", func() int { _, n, _ := h.Stats(); return n })
	m.gauge("paddock_db_connections", "Connections that the pool may open.", func() int { return s.Connections().Max })
	m.gauge("paddock_db_connections_in_use", "Connections in use.", func() int { return s.Connections().InUse })
	m.gauge("paddock_db_connections_idle", "Connections open and idle.", func() int { return s.Connections().Idle })
	m.gauge("paddock_streams_in_flight", "Model calls and streamed answers that are running.", streams)
	return m
}

// begin makes the series whose labels are known, at 0: a rate does not see the first value of a series.
func (m *Metrics) begin() {
	m.codes.WithLabelValues(strconv.Itoa(http.StatusOK))
	for code := connect.CodeCanceled; code <= connect.CodeUnauthenticated; code++ {
		m.codes.WithLabelValues(code.String())
	}
	for _, kind := range []usage.Kind{usage.Chat, usage.Generate, usage.Embed} {
		for _, outcome := range []usage.Outcome{usage.OK, usage.Aborted, usage.Failed} {
			m.calls.WithLabelValues(string(kind), string(outcome))
		}
	}
	for _, of := range []string{"prompt", "completion"} {
		m.tokens.WithLabelValues(of)
	}
	for _, batch := range []bool{false, true} {
		m.waits.WithLabelValues(classOf(batch))
	}
}

// Watch adds metrics of the Ollama servers and of the queue in front of them.
func (m *Metrics) Watch(upstream *upstream.Pool, pings *Pings) {
	m.models.listed = upstream.Lists
	m.registry.MustRegister(&upstreams{upstream, pings})
}

// WatchSeal adds a metric of how long audit entries wait to be sealed, of which lag tells the longest.
func (m *Metrics) WatchSeal(lag func(context.Context) (time.Duration, error)) {
	const help = "How long the oldest audit entry that is not sealed has waited; NaN while that is unknown."
	m.database("paddock_audit_seal_lag_seconds", help, func(ctx context.Context) float64 {
		waited, err := lag(ctx)
		if err != nil {
			return math.NaN()
		}
		return waited.Seconds()
	})
}

// WatchWitness adds metrics of the witness: how long sealed entries wait for a cosigned checkpoint, and whether it disputes the seal.
func (m *Metrics) WatchWitness(lag func(context.Context) (time.Duration, error), disputed func(context.Context) (bool, error)) {
	m.database("paddock_audit_witness_lag_seconds",
		"How long the oldest sealed audit entry has waited that is in no cosigned checkpoint; NaN while that is unknown.",
		func(ctx context.Context) float64 {
			waited, err := lag(ctx)
			if err != nil {
				return math.NaN()
			}
			return waited.Seconds()
		})
	m.database("paddock_audit_witness_disputes",
		"1 while the witness has cosigned another audit trail, or more of it, than there is; NaN while that is unknown.",
		func(ctx context.Context) float64 {
			is, err := disputed(ctx)
			switch {
			case err != nil:
				return math.NaN()
			case is:
				return 1
			}
			return 0
		})
}

// Waited counts a model call whose turn came after wait.
func (m *Metrics) Waited(ctx context.Context, wait time.Duration, batch bool) {
	observe(m.waits.WithLabelValues(classOf(batch)), wait, telemetry.TraceID(ctx))
}

// Settled counts a model call that has ended.
func (m *Metrics) Settled(call usage.Call, cost usage.Cost) {
	m.calls.WithLabelValues(string(call.Kind), string(cost.Outcome)).Inc()
	m.tokens.WithLabelValues("prompt").Add(float64(cost.PromptTokens))
	m.tokens.WithLabelValues("completion").Add(float64(cost.CompletionTokens))
	m.models.settled(call, cost)
}

func classOf(batch bool) string {
	if batch {
		return "batch"
	}
	return "interactive"
}

// upstreams is a collector of metrics of the Ollama servers, which all come from one snapshot.
type upstreams struct {
	client *upstream.Pool
	pings  *Pings
}

var (
	upstreamUp = prometheus.NewDesc("paddock_upstream_up",
		"1 while the circuit breaker lets calls through to the Ollama server.", []string{"upstream"}, nil)
	upstreamReachable = prometheus.NewDesc("paddock_upstream_reachable",
		"1 while the Ollama server answers when it is asked for its version.", []string{"upstream"}, nil)
	upstreamInFlight = prometheus.NewDesc("paddock_upstream_in_flight",
		"Model calls that the Ollama server works on.", []string{"upstream"}, nil)
	upstreamSilent = prometheus.NewDesc("paddock_upstream_silent_models",
		"Models of the Ollama server that do not answer in time.", []string{"upstream"}, nil)
	queueWaiting = prometheus.NewDesc("paddock_queue_waiting",
		"Model calls that wait for their turn.", []string{"class"}, nil)
	queueLongest = prometheus.NewDesc("paddock_queue_longest_wait_seconds",
		"How long the call has waited that has waited longest.", nil, nil)
)

// Describe implements prometheus.Collector.
func (u *upstreams) Describe(all chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{upstreamUp, upstreamReachable, upstreamInFlight, upstreamSilent, queueWaiting, queueLongest} {
		all <- d
	}
}

// Collect implements prometheus.Collector.
func (u *upstreams) Collect(all chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		all <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	s := u.client.Stats()
	for _, server := range s.Upstreams {
		up := 1.0
		if server.State == upstream.Open {
			up = 0
		}
		gauge(upstreamUp, up, server.Name)
		gauge(upstreamInFlight, float64(server.InFlight), server.Name)
		gauge(upstreamSilent, float64(len(server.Unresponsive)), server.Name)
	}
	for _, h := range u.pings.ask(context.Background()) {
		reachable := 0.0
		if h.Err == nil {
			reachable = 1
		}
		gauge(upstreamReachable, reachable, h.Name)
	}
	gauge(queueWaiting, float64(s.Waiting), classOf(false))
	gauge(queueWaiting, float64(s.WaitingBatch), classOf(true))
	gauge(queueLongest, s.LongestWait.Seconds())
}

func (m *Metrics) gauge(name, help string, value func() int) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help},
		func() float64 { return float64(value()) }))
}

// database adds a metric that the database is asked for.
func (m *Metrics) database(name, help string, ask func(ctx context.Context) float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, (&remembered{ask: ask}).value))
}

// remembered asks something of the database, and keeps the answer for pingTTL: anybody may ask for metrics.
type remembered struct {
	ask func(ctx context.Context) float64

	mu   sync.Mutex
	at   time.Time
	last float64
}

func (r *remembered) value() float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Since(r.at) >= pingTTL {
		r.last = r.ask(context.Background())
		r.at = time.Now()
	}
	return r.last
}

// observe counts a request that has ended.
func (m *Metrics) observe(route string, sent int, seen *observation, took time.Duration) {
	code := seen.label(sent)
	m.codes.WithLabelValues(code).Inc()
	observe(m.requests.WithLabelValues(route, code), took, seen.traceID)
	if seen.FirstToken > 0 {
		m.models.answered(seen)
	}
}

// observe adds a duration to a histogram, with its trace for an example if there is one.
func observe(h prometheus.Observer, d time.Duration, traceID string) {
	if e, ok := h.(prometheus.ExemplarObserver); ok && traceID != "" {
		e.ObserveWithExemplar(d.Seconds(), prometheus.Labels{"trace_id": traceID})
		return
	}
	h.Observe(d.Seconds())
}

// Handler answers GET /metrics, in OpenMetrics with exemplars to those who ask for it.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{EnableOpenMetrics: true})
}
