package config

import (
	"slices"
	"strings"
)

// parts holds what is read in place of the fields of Config that have the same names: several variables decide those
// together, or whether one is set at all.
type parts struct {
	Database    databaseVars
	AutoMigrate *bool `env:"AUTO_MIGRATE" unset:"true on the embedded database, false on PostgreSQL" help:"migrate at start; without it a schema that is behind refuses to start"`
	Tracing     tracingVars
	GenAISpans  string `env:"OTEL_SEMCONV_STABILITY_OPT_IN" help:"standard; gen_ai_latest_experimental adds spans of model calls in the terms of generative AI"`
}

// databaseVars are the variables that choose the database.
type databaseVars struct {
	User     string `env:"DB_USER" default:"app" help:"PostgreSQL user"`
	Password Secret `env:"DB_PASSWORD" default:"app" help:"PostgreSQL password"`
	Host     string `env:"DB_HOST" kind:"databaseHost" help:"PostgreSQL host or socket folder; setting it selects PostgreSQL"`
	Port     int    `env:"DB_PORT" default:"5432" min:"1" max:"65535" help:"PostgreSQL port"`
	Name     string `env:"DB_NAME" default:"app" help:"PostgreSQL database"`
	URL      Secret `env:"DATABASE_URL" kind:"databaseURL" help:"postgres://… or sqlite:///file; wins over DB_*"`
}

// tracingVars are the standard OTEL_* variables that decide whether calls are traced, and those of OpenTelemetry's own
// that would fail, or be ignored, only when spans are sent.
type tracingVars struct {
	Disabled       string `env:"OTEL_SDK_DISABLED" help:"standard; true turns tracing off"`
	Exporter       string `env:"OTEL_TRACES_EXPORTER" help:"standard; turns tracing on, none turns it off"`
	Endpoint       string `env:"OTEL_EXPORTER_OTLP_ENDPOINT" help:"standard; turns tracing on"`
	TracesEndpoint string `env:"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" help:"standard; turns tracing on"`
	Protocol       string `env:"OTEL_EXPORTER_OTLP_PROTOCOL" help:"standard; http/protobuf is the one that is spoken"`
	TracesProtocol string `env:"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL" help:"standard; likewise, and wins"`
	Attributes     string `env:"OTEL_RESOURCE_ATTRIBUTES" help:"standard; key=value pairs for every span, comma-separated"`
	Sampler        string `env:"OTEL_TRACES_SAMPLER" help:"standard; which traces are kept: traceidratio is a share of them"`
	SamplerArg     string `env:"OTEL_TRACES_SAMPLER_ARG" help:"standard; the share, from 0 to 1"`
}

// decide sets the fields of Config that parts were read for.
func (d *draft) decide() {
	d.Database = d.parts.Database.choose(d.DataDir)
	d.AutoMigrate = d.Database.Driver == SQLite
	if set := d.parts.AutoMigrate; set != nil {
		d.AutoMigrate = *set
	}
	v := d.parts.Tracing
	d.GenAISpans = slices.Contains(strings.Split(strings.ReplaceAll(d.parts.GenAISpans, " ", ""), ","), "gen_ai_latest_experimental")
	d.Tracing = !strings.EqualFold(v.Disabled, "true") && v.Exporter != "none" && v.Exporter+v.Endpoint+v.TracesEndpoint != ""
}
