package ops

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/paddock-gate/paddock/internal/usage"
)

// modelMetrics are the metrics of model calls by model.
type modelMetrics struct {
	firstToken *prometheus.HistogramVec
	duration   *prometheus.HistogramVec
	tokens     *prometheus.CounterVec

	listed func(model string) bool // reports whether a server lists the model; nil: none does

	mu    sync.RWMutex
	names map[string]bool // values of the label so far
}

const (
	// maxModelLabels bounds the values of the label "model", each of which makes some sixty series.
	maxModelLabels = 100
	// otherModel is the value for models beyond that bound, and for those that no server lists: callers can name any number.
	otherModel = "other"
)

func newModelMetrics(registry *prometheus.Registry) *modelMetrics {
	m := &modelMetrics{
		firstToken: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "paddock_time_to_first_token_seconds",
			Help:    "Streamed answers by model, counted when they end: how long after the request their first part came.",
			Buckets: []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300},
		}, []string{"model"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "paddock_model_call_duration_seconds",
			Help:    "Model calls that are settled, by model and outcome: their number, and how long they took.",
			Buckets: []float64{.1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600},
		}, []string{"model", "outcome"}),
		tokens: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "paddock_model_tokens_total",
			Help: "Tokens that model calls have used, by model: of the prompt or of the completion.",
		}, []string{"model", "of"}),
		names: map[string]bool{},
	}
	registry.MustRegister(m.firstToken, m.duration, m.tokens)
	m.begin(otherModel)
	return m
}

// begin makes the series of a model, at 0.
func (m *modelMetrics) begin(model string) {
	m.firstToken.WithLabelValues(model)
	for _, outcome := range []usage.Outcome{usage.OK, usage.Aborted, usage.Failed} {
		m.duration.WithLabelValues(model, string(outcome))
	}
	for _, of := range []string{"prompt", "completion"} {
		m.tokens.WithLabelValues(model, of)
	}
}

// label returns the value of the label "model" for a model.
func (m *modelMetrics) label(model string) string {
	m.mu.RLock()
	known, full := m.names[model], len(m.names) >= maxModelLabels
	m.mu.RUnlock()
	switch {
	case known:
		return model
	case full, m.listed == nil, !m.listed(model):
		return otherModel
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.names) >= maxModelLabels && !m.names[model] {
		return otherModel
	}
	m.names[model] = true
	m.begin(model)
	return model
}

// answered counts a streamed answer that has ended.
func (m *modelMetrics) answered(seen *observation) {
	observe(m.firstToken.WithLabelValues(m.label(seen.Model)), seen.FirstToken, seen.traceID)
}

// settled counts a model call that has ended.
func (m *modelMetrics) settled(call usage.Call, cost usage.Cost) {
	model := m.label(call.Model)
	m.duration.WithLabelValues(model, string(cost.Outcome)).Observe(cost.Total.Seconds())
	m.tokens.WithLabelValues(model, "prompt").Add(float64(cost.PromptTokens))
	m.tokens.WithLabelValues(model, "completion").Add(float64(cost.CompletionTokens))
}
