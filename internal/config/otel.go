package config

import "strings"

// otelSettings are the standard OTEL_* variables that decide whether calls are traced, and those of OpenTelemetry's own
// that would fail, or be passed over in silence, only when spans are sent.
type otelSettings struct {
	disabled, exporter       string
	endpoint, tracesEndpoint string
	protocol, tracesProtocol string
	attributes               string
}

// on tells whether traces are asked for.
func (s otelSettings) on() bool {
	return !strings.EqualFold(s.disabled, "true") && s.exporter != "none" && s.exporter+s.endpoint+s.tracesEndpoint != ""
}

// checkTracing finds what the exporter could not do, or would not do as it is told.
func (d *draft) checkTracing() {
	s := d.otel
	if s.exporter != "" && s.exporter != "otlp" {
		d.fault("OTEL_TRACES_EXPORTER", "must be otlp or none")
	}
	d.checkEndpoint("OTEL_EXPORTER_OTLP_ENDPOINT", s.endpoint)
	d.checkEndpoint("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", s.tracesEndpoint)
	d.checkProtocol("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", s.tracesProtocol)
	if s.tracesProtocol == "" {
		d.checkProtocol("OTEL_EXPORTER_OTLP_PROTOCOL", s.protocol)
	}
	if attributes := strings.TrimSpace(s.attributes); attributes != "" {
		for pair := range strings.SplitSeq(attributes, ",") {
			if !strings.Contains(pair, "=") {
				d.fault("OTEL_RESOURCE_ATTRIBUTES", "must be key=value pairs, comma-separated")
			}
		}
	}
}

func (d *draft) checkEndpoint(variable, value string) {
	if _, ok := httpURL(value); value != "" && !ok {
		d.fault(variable, notHTTPURL)
	}
}

func (d *draft) checkProtocol(variable, value string) {
	if value != "" && value != "http/protobuf" {
		d.fault(variable, "must be http/protobuf, the one protocol that is supported")
	}
}
