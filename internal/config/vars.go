package config

import (
	"net/url"
	"time"
)

// Var describes one environment variable, for help texts and the README's table.
type Var struct {
	// Name of the variable, e.g. "LISTEN_ADDR".
	Name string
	// Default says what holds when the variable is not set; empty when there is nothing then.
	Default string
	// Help is one line on what it is for.
	Help string
}

// Vars describes every variable that Load reads, in the order of the documentation.
func Vars() []Var {
	var vars []Var
	for _, v := range new(draft).variables() {
		vars = append(vars, Var{Name: v.name, Default: v.unset.String(), Help: v.help})
	}
	return vars
}

// variable is one row of the table: how a variable is called, what holds without it, how its value is taken over, and
// what it is for.
type variable struct {
	name  string
	unset unset
	read  reader
	help  string
}

// unset says what holds when a variable is not set: a value in its place, which may differ by environment, or, told in
// words, something that Load or its caller works out.
type unset struct {
	local, prod string
	words       string
}

func is(value string) unset          { return unset{local: value, prod: value} }
func byEnv(local, prod string) unset { return unset{local: local, prod: prod} }
func means(words string) unset       { return unset{words: words} }

func (u unset) value(e Environment) string {
	if e == Prod {
		return u.prod
	}
	return u.local
}

// String words it for people.
func (u unset) String() string {
	switch {
	case u.words != "":
		return u.words
	case u.local == u.prod:
		return u.local
	default:
		return "local: " + u.local + "; prod: " + u.prod
	}
}

// variables is the table of all variables, bound to d. ENVIRONMENT comes first, since others' defaults depend on it.
func (d *draft) variables() []variable {
	t, o := &d.Tokens, &d.Ollama
	return []variable{
		{"ENVIRONMENT", is("local"), oneOf(&d.Environment, Local, Prod), "local or prod; prod refuses unsafe settings"},

		{"DB_USER", is("app"), text(&d.db.user), "PostgreSQL user"},
		{"DB_PASSWORD", is("app"), text(&d.db.password), "PostgreSQL password"},
		{"DB_HOST", unset{}, databaseHost(&d.db.host), "PostgreSQL host or socket folder; setting it selects PostgreSQL"},
		{"DB_PORT", is("5432"), number(&d.db.port, 1, 65535), "PostgreSQL port"},
		{"DB_NAME", is("app"), text(&d.db.name), "PostgreSQL database"},
		{"DATABASE_URL", unset{}, databaseURL(&d.db.url), "postgres://… or sqlite:///file; wins over DB_*"},
		{"DATA_DIR", is("./data"), folder(&d.DataDir), "folder of the embedded database and the local signing secret; made with mode 0700, left as it is when it exists"},

		{"LISTEN_ADDR", byEnv("127.0.0.1:8080", ":8080"), address(&d.ListenAddr), "host:port to serve on"},
		{"METRICS_ADDR", unset{}, address(&d.MetricsAddr), "host:port of its own for /metrics"},

		{
			"JWT_SECRET", means("local: random, kept in DATA_DIR; prod: required"), text(&t.Secret),
			"signs access tokens; random, at least 32 bytes (HS384: 48, HS512: 64)",
		},
		{"JWT_SECRET_PREVIOUS", unset{}, text(&t.PreviousSecret), "still verifies access tokens while JWT_SECRET is rolled"},
		{"JWT_ALG", is("HS256"), oneOf(&t.Algorithm, "HS256", "HS384", "HS512"), "HS256, HS384 or HS512"},
		{"ACCESS_TOKEN_TTL", is("10m"), duration(&t.AccessTTL, time.Second), "life of an access token"},
		{"REFRESH_TOKEN_TTL", is("24h"), duration(&t.RefreshTTL, time.Second), "life of an unused refresh token"},
		{"SESSION_TTL", is("168h"), duration(&t.SessionTTL, time.Second), "life of a sign-in, refreshed or not"},
		{
			"RATE_LIMIT_PER_MINUTE", is("600"), number(&d.RateLimitPerMinute, 0, 1_000_000),
			"calls a minute for each user; 0 turns it off",
		},
		{
			"DEFAULT_TOKENS_PER_DAY",
			unset{},
			optionalNumber(&d.TokensPerDay),
			"tokens a day for each user who has no quota of their own; unset: no limit",
		},
		{"DEFAULT_TOKENS_PER_MONTH", unset{}, optionalNumber(&d.TokensPerMonth), "the same for a month"},
		{
			"QUOTA_ANSWER_TOKENS", is("4096"), number(&d.AnswerTokens, 1, 131_072),
			"tokens that an answer may have, and holds while it runs, of a user with a quota whose client sets no limit",
		},
		{"MAX_STREAMS_PER_USER", is("100"), number(&d.MaxStreamsPerUser, 1, 1_000_000), "streamed answers at once for each user"},
		{"MAX_STREAMS", is("4000"), number(&d.MaxStreams, 1, 1_000_000), "streamed answers at once in all"},

		{
			"OLLAMA_BASE_URL", byEnv("http://localhost:11434", "http://ollama.default.svc.cluster.local:11434"),
			baseURLs(&o.BaseURLs), "the Ollama servers, comma-separated",
		},
		{
			"OLLAMA_MAX_INFLIGHT", is("4"), number(&o.MaxInflight, 0, 100_000),
			"calls at once on each Ollama server, the others wait their turn; 0: no limit",
		},
		{"OLLAMA_QUEUE_LIMIT", is("1024"), number(&o.QueueLimit, 1, 1_000_000), "calls that may wait for Ollama"},
		{"OLLAMA_QUEUE_TIMEOUT", is("60s"), duration(&o.QueueTimeout, time.Millisecond), "longest wait for a turn"},
		{
			"OLLAMA_CONNECT_TIMEOUT", is("2s"), duration(&o.ConnectTimeout, time.Millisecond),
			"longest wait for a connection to Ollama",
		},
		{
			"OLLAMA_FIRST_TOKEN_TIMEOUT", is("600s"), duration(&o.FirstTokenTimeout, time.Millisecond),
			"longest wait for the first byte of an answer",
		},
		{
			"OLLAMA_IDLE_TIMEOUT", is("300s"), duration(&o.IdleTimeout, time.Millisecond),
			"longest silence in the middle of an answer",
		},
		{"DEFAULT_CHAT_MODEL", is("llama3.2:latest"), text(&o.ChatModel), "model of a chat that names none"},
		{"DEFAULT_EMBED_MODEL", is("nomic-embed-text"), text(&o.EmbedModel), "model of an embedding that names none"},
		{
			"STREAM_KEEP_ALIVE", is("15s"), duration(&d.StreamKeepAlive, 10*time.Millisecond),
			"how often a waiting client of a streamed answer is sent a sign of life, where its protocol has one",
		},
		{"MAX_MODEL_BODY", is("64MiB"), size(&d.MaxModelBody, 64<<10, 1<<30), "largest body of a model call; two for each user and seven in all are held at once"},
		{"MAX_KEEP_ALIVE", is("30m"), duration(&d.MaxKeepAlive, time.Second), "longest that a call may have its model stay loaded"},
		{
			"ALLOW_CLOUD_MODELS", is("false"), boolean(func(on bool) { d.AllowCloudModels = on }),
			"let models of ollama.com, and its web search, be used through the Ollama servers: prompts leave the house",
		},

		{"ADMIN_BOOTSTRAP_EMAIL", is("admin@example.com"), text(&d.Bootstrap.Email), "login name of the first admin"},
		{"ADMIN_BOOTSTRAP_PASSWORD", means("random, printed once"), text(&d.Bootstrap.Password), "password of the first admin; printed too when it is set; dev: admin unless set"},
		{
			"ADMIN_BOOTSTRAP_PASSWORD_FORCE", is("false"), boolean(func(on bool) { d.Bootstrap.Force = on }),
			"set that password even when the admin has one, with seed and at each start, and bring back an admin who was disabled or demoted",
		},

		{
			"CORS_ALLOWED_ORIGINS",
			unset{},
			origins(&d.CORSAllowedOrigins),
			"origins whose pages may call, comma-separated; moz-extension://* is any host of such a scheme, http://localhost:* any port; * alone in local only",
		},
		{"TRUSTED_PROXIES", unset{}, networks(&d.TrustedProxies), "networks whose X-Forwarded-For is believed, comma-separated"},

		{"PASSWORD_MIN_LENGTH", is("12"), number(&d.PasswordMinLength, 8, 128), "least number of characters in a new password"},
		{"ARGON2_MEMORY_KIB", is("19456"), number(&d.Argon2.MemoryKiB, 8, 262144), "memory of one password hash"},
		{"ARGON2_TIME", is("2"), number(&d.Argon2.Time, 1, 16), "passes of one password hash"},
		{"ARGON2_PARALLELISM", is("1"), number(&d.Argon2.Parallelism, 1, 16), "lanes of one password hash"},

		{"LOG_LEVEL", is("info"), logLevel(&d.LogLevel), "debug, info, warn or error; dev: warn unless set"},
		{"LOG_FORMAT", means("json; text on a terminal"), oneOf(&d.LogFormat, "json", "text"), "json or text"},
		{
			"AUTO_MIGRATE", means("true on the embedded database, false on PostgreSQL"),
			boolean(func(on bool) { d.autoMigrate = &on }), "migrate at start; without it a schema that is behind refuses to start",
		},
		{
			"GRPC_REFLECTION", byEnv("true", "false"), boolean(func(on bool) { d.GRPCReflection = on }),
			"let clients such as grpcurl list the services",
		},

		{"OTEL_SDK_DISABLED", unset{}, text(&d.otel.disabled), "standard; true turns tracing off"},
		{"OTEL_TRACES_EXPORTER", unset{}, text(&d.otel.exporter), "standard; turns tracing on, none turns it off"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", unset{}, text(&d.otel.endpoint), "standard; turns tracing on"},
		{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", unset{}, text(&d.otel.tracesEndpoint), "standard; turns tracing on"},
		{"OTEL_EXPORTER_OTLP_PROTOCOL", unset{}, text(&d.otel.protocol), "standard; http/protobuf is the one that is spoken"},
		{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", unset{}, text(&d.otel.tracesProtocol), "standard; likewise, and wins"},
		{"OTEL_RESOURCE_ATTRIBUTES", unset{}, text(&d.otel.attributes), "standard; key=value pairs for every span, comma-separated"},

		{
			"VITE_API_BASE", means("same origin"), baseURL(func(u *url.URL) { d.WebAPIBase = u.String() }),
			"API address for a web page that is served elsewhere; dev --no-backend: http://127.0.0.1:8080 unless set",
		},
	}
}
