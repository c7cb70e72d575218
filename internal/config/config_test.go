package config_test

import (
	"crypto/rand"
	"log/slog"
	"net/netip"
	"net/url"
	"reflect"
	"slices"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/paddock-gate/paddock/internal/config"
)

// randomSecret is what an operator would generate.
const randomSecret = "kJ3vQ9sX1mB7tR5wZ0yC4nH8pL2dF6gA-aE_uVoTiSqKxWbYcNhMjPlDrGfOzUe"

// auditKey is what an operator would generate, too.
var auditKey, _, _ = note.GenerateKey(rand.Reader, "paddock.example.com")

// witnessKey is what the operator of a witness would tell, as an Ed25519 key of no special kind.
var _, witnessKey, _ = note.GenerateKey(rand.Reader, "witness.example.com")

func env(vars map[string]string) func(string) string {
	return func(name string) string { return vars[name] }
}

func load(t *testing.T, vars map[string]string) config.Config {
	t.Helper()
	c, err := config.Load(env(vars))
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	return c
}

func mustURL(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func defaults(t *testing.T) config.Config {
	return config.Config{
		Environment:        config.Local,
		Database:           config.Database{Driver: config.SQLite, URL: "sqlite://./data/paddock.db", Path: "./data/paddock.db"},
		AutoMigrate:        true,
		DataDir:            "./data",
		ListenAddr:         "127.0.0.1:8080",
		GRPCReflection:     true,
		DrainTimeout:       30 * time.Second,
		RateLimitPerMinute: 600,
		StreamKeepAlive:    15 * time.Second,
		MaxModelBody:       64 << 20,
		MaxKeepAlive:       30 * time.Minute,
		MaxStreamsPerUser:  100,
		MaxStreams:         4000,
		AnswerTokens:       4096,
		PasswordMinLength:  12,
		Argon2:             config.Argon2{MemoryKiB: 19456, Time: 2, Parallelism: 1},
		Tokens: config.Tokens{
			Algorithm: "HS256", AccessTTL: 10 * time.Minute, RefreshTTL: 24 * time.Hour, SessionTTL: 168 * time.Hour,
		},
		Retain:    config.Retain{Usage: 400 * 24 * time.Hour, Keys: 90 * 24 * time.Hour},
		Bootstrap: config.Bootstrap{Email: "admin@example.com"},
		Ollama: config.Ollama{
			BaseURLs:    []*url.URL{mustURL(t, "http://localhost:11434")},
			MaxInflight: 4, QueueLimit: 1024, QueueTimeout: time.Minute,
			ConnectTimeout: 2 * time.Second, FirstTokenTimeout: 10 * time.Minute, IdleTimeout: 5 * time.Minute,
			ChatModel: "llama3.2:latest", EmbedModel: "nomic-embed-text",
		},
	}
}

func TestLoad_Defaults(t *testing.T) {
	t.Run("Local", func(t *testing.T) {
		if got, want := load(t, nil), defaults(t); !reflect.DeepEqual(got, want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	})
	t.Run("Prod", func(t *testing.T) {
		want := defaults(t)
		want.Environment = config.Prod
		want.ListenAddr = ":8080"
		want.ShutdownDelay = 5 * time.Second
		want.GRPCReflection = false
		want.Ollama.BaseURLs = []*url.URL{mustURL(t, "http://ollama.default.svc.cluster.local:11434")}
		want.Tokens.Secret = randomSecret
		got := load(t, map[string]string{"ENVIRONMENT": "prod", "JWT_SECRET": randomSecret})
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	})
}

func TestLoad_EveryVariable(t *testing.T) {
	const previous = "Zq8-previous-Xw3Vt6Yb1Nc4Md7Ke0Jf5Hg2Lr9Ps_uTaIoCmEjRnGdBhQkFyWzSv"
	vars := map[string]string{
		"ENVIRONMENT": "prod",
		"DB_USER":     "paddock", "DB_PASSWORD": "pw", "DB_HOST": "db", "DB_PORT": "5433", "DB_NAME": "gate",
		"DATA_DIR": "/var/lib/paddock", "LISTEN_ADDR": "[::1]:9000", "METRICS_ADDR": ":9090", "SHUTDOWN_DELAY": "10s", "DRAIN_TIMEOUT": "0s",
		"JWT_SECRET": randomSecret, "JWT_SECRET_PREVIOUS": previous, "JWT_ALG": "HS384",
		"ACCESS_TOKEN_TTL": "1s", "REFRESH_TOKEN_TTL": "48h", "SESSION_TTL": "30m", "RATE_LIMIT_PER_MINUTE": "0",
		"OLLAMA_BASE_URL": "https://gpu.internal/ollama/, http://gpu2:11434", "OLLAMA_MAX_INFLIGHT": "4",
		"OLLAMA_QUEUE_LIMIT": "10", "OLLAMA_QUEUE_TIMEOUT": "5s", "DEFAULT_TOKENS_PER_DAY": "0", "DEFAULT_TOKENS_PER_MONTH": "1000000",
		"QUOTA_ANSWER_TOKENS": "8192", "STREAM_KEEP_ALIVE": "10ms", "MAX_MODEL_BODY": "100MiB", "MAX_KEEP_ALIVE": "2h", "ALLOW_CLOUD_MODELS": "true",
		"RETAIN_USAGE": "0", "RETAIN_KEYS": "48h", "RETAIN_AUDIT": "365d",
		"MAX_STREAMS_PER_USER": "7", "MAX_STREAMS": "70", "OLLAMA_CONNECT_TIMEOUT": "1ms",
		"OLLAMA_FIRST_TOKEN_TIMEOUT": "3m", "OLLAMA_IDLE_TIMEOUT": "1m",
		"DEFAULT_CHAT_MODEL": "qwen3:8b", "DEFAULT_EMBED_MODEL": "bge-m3",
		"ADMIN_BOOTSTRAP_EMAIL": "root@localhost", "ADMIN_BOOTSTRAP_PASSWORD": "ünïcödé1",
		"ADMIN_BOOTSTRAP_PASSWORD_FORCE": "YES",
		"CORS_ALLOWED_ORIGINS":           "https://app.example.com, http://localhost:5173,",
		"TRUSTED_PROXIES":                "10.1.2.3/8, 192.0.2.1, 2001:db8::/32,::1, ::ffff:172.16.0.0/108",
		"AUDIT_SIGNING_KEY":              auditKey,
		"AUDIT_WITNESS_URL":              "https://witness.example.com/paddock/", "AUDIT_WITNESS_KEY": witnessKey,
		"PASSWORD_MIN_LENGTH": "8", "ARGON2_MEMORY_KIB": "65536", "ARGON2_TIME": "3", "ARGON2_PARALLELISM": "4",
		"LOG_LEVEL": "WARN", "LOG_FORMAT": "text", "AUTO_MIGRATE": "1", "GRPC_REFLECTION": "true",
		"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4317", "OTEL_SEMCONV_STABILITY_OPT_IN": "http/dup, gen_ai_latest_experimental", "VITE_API_BASE": "https://api.example.com/",
	}
	want := config.Config{
		Environment:        config.Prod,
		Database:           config.Database{Driver: config.PostgreSQL, URL: "postgres://paddock:pw@db:5433/gate"},
		AutoMigrate:        true,
		DataDir:            "/var/lib/paddock",
		ListenAddr:         "[::1]:9000",
		MetricsAddr:        ":9090",
		ShutdownDelay:      10 * time.Second,
		GRPCReflection:     true,
		CORSAllowedOrigins: []string{"https://app.example.com", "http://localhost:5173"},
		WebAPIBase:         "https://api.example.com",
		TokensPerDay:       new(int64(0)),
		TokensPerMonth:     new(int64(1_000_000)),
		AnswerTokens:       8192,
		MaxStreamsPerUser:  7,
		MaxStreams:         70,
		Retain:             config.Retain{Keys: 48 * time.Hour, Audit: 365 * 24 * time.Hour},
		RateLimitPerMinute: 0,
		StreamKeepAlive:    10 * time.Millisecond,
		MaxModelBody:       100 << 20,
		MaxKeepAlive:       2 * time.Hour,
		AllowCloudModels:   true,
		AuditSigningKey:    config.Secret(auditKey),
		AuditWitness:       config.Witness{URL: "https://witness.example.com/paddock", Key: witnessKey},
		PasswordMinLength:  8,
		Argon2:             config.Argon2{MemoryKiB: 65536, Time: 3, Parallelism: 4},
		LogLevel:           slog.LevelWarn,
		LogFormat:          "text",
		Tracing:            true,
		GenAISpans:         true,
		Bootstrap:          config.Bootstrap{Email: "root@localhost", Password: "ünïcödé1", Force: true},
		TrustedProxies: []netip.Prefix{
			netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.1/32"),
			netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("::1/128"),
			netip.MustParsePrefix("172.16.0.0/12"),
		},
		Tokens: config.Tokens{
			Secret: randomSecret, PreviousSecret: previous, Algorithm: "HS384",
			AccessTTL: time.Second, RefreshTTL: 48 * time.Hour, SessionTTL: 30 * time.Minute,
		},
		Ollama: config.Ollama{
			BaseURLs:    []*url.URL{mustURL(t, "https://gpu.internal/ollama"), mustURL(t, "http://gpu2:11434")},
			MaxInflight: 4, QueueLimit: 10, QueueTimeout: 5 * time.Second,
			ConnectTimeout: time.Millisecond, FirstTokenTimeout: 3 * time.Minute, IdleTimeout: time.Minute,
			ChatModel: "qwen3:8b", EmbedModel: "bge-m3",
		},
	}
	if got := load(t, vars); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestLoad_AutoMigrate(t *testing.T) {
	for _, tt := range []struct {
		host, set string
		want      bool
	}{
		{"", "", true}, {"db", "", false}, {"", "false", false}, {"db", "true", true},
	} {
		c := load(t, map[string]string{"DB_HOST": tt.host, "AUTO_MIGRATE": tt.set})
		if c.AutoMigrate != tt.want {
			t.Errorf("DB_HOST=%q AUTO_MIGRATE=%q: got %v", tt.host, tt.set, c.AutoMigrate)
		}
	}
}

func TestLoad_OriginsOfAppsAndLocalPorts(t *testing.T) {
	for _, origin := range []string{
		"app://obsidian.md", "app://.", "chrome-extension://jfgfiigpkhlkbnfnbobbkinehhfdhndo", "moz-extension://*", "vscode-webview://*",
		"tauri://localhost", "capacitor://localhost", "http://localhost:*", "https://localhost:*", "http://127.0.0.1:*", "http://[::1]:*",
		"http://tauri.localhost", "https://localhost", "file://*", "app://host:8080",
	} {
		c := load(t, map[string]string{"CORS_ALLOWED_ORIGINS": origin})
		if !slices.Equal(c.CORSAllowedOrigins, []string{origin}) {
			t.Errorf("%s: got %v", origin, c.CORSAllowedOrigins)
		}
	}
}

func TestLoad_BooleanSpellings(t *testing.T) {
	for value, want := range map[string]bool{
		"1": true, "true": true, "yes": true, "on": true, "TRUE": true, "Yes": true,
		"0": false, "false": false, "no": false, "off": false, "": false,
	} {
		if c := load(t, map[string]string{"ADMIN_BOOTSTRAP_PASSWORD_FORCE": value}); c.Bootstrap.Force != want {
			t.Errorf("%q: got %v", value, c.Bootstrap.Force)
		}
	}
}

func TestLoad_Tracing(t *testing.T) {
	const endpoint, traces = "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
	const exporter, disabled = "OTEL_TRACES_EXPORTER", "OTEL_SDK_DISABLED"
	for _, tt := range []struct {
		name string
		vars map[string]string
		want bool
	}{
		{"Unset", nil, false},
		{"Endpoint", map[string]string{endpoint: "http://c:4317"}, true},
		{"TracesEndpoint", map[string]string{traces: "http://c:4317"}, true},
		{"Exporter", map[string]string{exporter: "otlp"}, true},
		{"ExporterNone", map[string]string{exporter: "none", endpoint: "http://c:4317"}, false},
		{"Disabled", map[string]string{disabled: "True", endpoint: "http://c:4317"}, false},
		{"NotDisabled", map[string]string{disabled: "false", endpoint: "http://c:4317"}, true},
		{"OnlyNotDisabled", map[string]string{disabled: "false"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if c := load(t, tt.vars); c.Tracing != tt.want {
				t.Errorf("Tracing = %v", c.Tracing)
			}
		})
	}
}

func TestVars_AllThatLoadReads(t *testing.T) {
	read := map[string]bool{}
	if _, err := config.Load(func(name string) string { read[name] = true; return "" }); err != nil {
		t.Fatal(err)
	}
	for _, v := range config.Vars() {
		if !read[v.Name] {
			t.Errorf("%s is described twice, or not read", v.Name)
		}
		delete(read, v.Name)
		if v.Help == "" {
			t.Errorf("%s has no help", v.Name)
		}
	}
	if len(read) > 0 {
		t.Errorf("read but not described: %v", read)
	}
}

func TestVars_DefaultByEnvironment(t *testing.T) {
	want := config.Var{
		Name:    "LISTEN_ADDR",
		Type:    "address",
		Default: "local: 127.0.0.1:8080; prod: :8080",
		Help:    "host:port to serve on",
	}
	for _, v := range config.Vars() {
		if v.Name == want.Name {
			if v != want {
				t.Errorf("got %+v", v)
			}
			return
		}
	}
	t.Error("LISTEN_ADDR is missing")
}
