// Package config reads Paddock's settings from the environment: one struct, filled by one call that reports every fault at
// once. Reading touches nothing but the files that hold secrets; the only files the package ever writes are the local signing
// secret and the key of the audit trail, when SigningSecrets and MakeAuditKey are called.
package config

import (
	"log/slog"
	"net/netip"
	"net/url"
	"time"
)

// Environment decides how strictly the settings are checked, and some defaults.
type Environment string

// The two environments. Prod refuses settings that are only fit for one's own machine.
const (
	Local Environment = "local"
	Prod  Environment = "prod"
)

// Config is everything an operator can set. Load returns a valid one; the zero value is not.
//
// A setting is a field with these tags. The order of the fields is that of the documentation.
//
//	env       the variable's name
//	default   its value when it is not set; prod, if there is one, is that in Prod
//	unset     what holds when it is not set, in words, where something else decides
//	kind      how the value is read, where the type does not say it: see kinds
//	oneof     the allowed texts, as people list them
//	min, max  the bounds of a number, duration or size
//	help      one line on what it is for
//
// The variables of a field without tags are in parts. What a setting demands of others is in rules.go.
type Config struct {
	Environment Environment `env:"ENVIRONMENT" default:"local" oneof:"local or prod" help:"local or prod; prod refuses unsafe settings"`

	Database Database
	DataDir  string `env:"DATA_DIR" default:"./data" kind:"folder" help:"folder of the embedded database and of the local secrets, jwt_secret and audit_key; made with mode 0700, left as it is when it exists"`

	ListenAddr  string `env:"LISTEN_ADDR" default:"127.0.0.1:8080" prod:":8080" kind:"address" help:"host:port to serve on"`
	MetricsAddr string `env:"METRICS_ADDR" kind:"address" help:"host:port of its own for /metrics"`

	ShutdownDelay time.Duration `env:"SHUTDOWN_DELAY" default:"0s" prod:"5s" min:"0s" help:"how long a server that is stopping still takes calls, while it is not ready and load balancers turn away from it"`
	DrainTimeout  time.Duration `env:"DRAIN_TIMEOUT" default:"30s" min:"0s" help:"how long running calls then have to end"`

	Tokens             Tokens
	RateLimitPerMinute int `env:"RATE_LIMIT_PER_MINUTE" default:"600" min:"0" max:"1000000" help:"calls a minute for each user; 0 turns it off"`
	// TokensPerDay and TokensPerMonth are nil for no limit; 0 allows nothing.
	TokensPerDay      *int64 `env:"DEFAULT_TOKENS_PER_DAY" min:"0" help:"tokens a day for each user who has no quota of their own; unset: no limit"`
	TokensPerMonth    *int64 `env:"DEFAULT_TOKENS_PER_MONTH" min:"0" help:"the same for a month"`
	AnswerTokens      int    `env:"QUOTA_ANSWER_TOKENS" default:"4096" min:"1" max:"131072" help:"tokens that an answer may have, and holds while it runs, of a user with a quota whose client sets no limit"`
	MaxStreamsPerUser int    `env:"MAX_STREAMS_PER_USER" default:"100" min:"1" max:"1000000" help:"streamed answers at once for each user"`
	MaxStreams        int    `env:"MAX_STREAMS" default:"4000" min:"1" max:"1000000" help:"streamed answers at once in all"`

	Retain Retain

	Ollama          Ollama
	StreamKeepAlive time.Duration `env:"STREAM_KEEP_ALIVE" default:"15s" min:"10ms" help:"how often a waiting client of a streamed answer is sent a sign of life, where its protocol has one"`
	// MaxModelBody is in bytes, after decoding.
	MaxModelBody     int64         `env:"MAX_MODEL_BODY" default:"64MiB" kind:"size" min:"64KiB" max:"1024MiB" help:"largest body of a model call; two for each user and seven in all are held at once"`
	MaxKeepAlive     time.Duration `env:"MAX_KEEP_ALIVE" default:"30m" min:"1s" help:"longest that a call may have its model stay loaded"`
	AllowCloudModels bool          `env:"ALLOW_CLOUD_MODELS" default:"false" help:"let models of ollama.com, and its web search, be used through the Ollama servers: prompts leave the house"`

	Bootstrap Bootstrap

	// CORSAllowedOrigins are spelled as browsers send them: scheme://host[:port]. "*" is any host where the scheme is not
	// http or https, any port of this machine, and alone, in Local only, every origin. None switches CORS off.
	CORSAllowedOrigins []string `env:"CORS_ALLOWED_ORIGINS" kind:"origins" help:"origins whose pages may call, comma-separated; moz-extension://* is any host of such a scheme, http://localhost:* any port; * alone in local only"`
	// AllowedHosts are in lower case, without a port.
	AllowedHosts []string `env:"ALLOWED_HOSTS" kind:"hosts" help:"names by which the server may be called, comma-separated; unset: all, and on a loopback address this machine's own"`
	// TrustedProxies are masked, IPv4 in its four-byte form.
	TrustedProxies []netip.Prefix `env:"TRUSTED_PROXIES" help:"networks whose X-Forwarded-For is believed, comma-separated"`

	// AuditSigningKey may be empty: on the embedded database use MakeAuditKey.
	AuditSigningKey Secret `env:"AUDIT_SIGNING_KEY" kind:"signingKey" unset:"embedded: random, kept in DATA_DIR; PostgreSQL: nothing is sealed" help:"signs checkpoints of the audit trail; of what paddock audit key prints, what begins with PRIVATE; the same for all replicas"`
	AuditWitness    Witness

	// PasswordMinLength counts characters, not bytes.
	PasswordMinLength int `env:"PASSWORD_MIN_LENGTH" default:"12" min:"8" max:"128" help:"least number of characters in a new password"`
	Argon2            Argon2

	LogLevel       slog.Level `env:"LOG_LEVEL" default:"info" help:"debug, info, warn or error; dev: warn unless set"`
	LogFormat      string     `env:"LOG_FORMAT" unset:"json; text on a terminal" oneof:"json or text" help:"json or text"`
	AutoMigrate    bool
	GRPCReflection bool `env:"GRPC_REFLECTION" default:"true" prod:"false" help:"let clients such as grpcurl list the services"`
	// Tracing reports whether the standard OTEL_* variables ask for traces. Their values are OpenTelemetry's own to read.
	Tracing bool
	// GenAISpans reports whether they ask for the experimental conventions for generative AI, too.
	GenAISpans bool

	// WebAPIBase has no trailing slash.
	WebAPIBase string `env:"VITE_API_BASE" unset:"same origin" kind:"baseURL" help:"API address for a web page that is served elsewhere; dev --no-backend: http://127.0.0.1:8080 unless set"`
}

// Tokens says how sessions are signed and how long they last. Each time to live is a bound by itself; none need be
// shorter than another, since no token outlives its session.
type Tokens struct {
	// Secret may be empty in Local: use SigningSecrets.
	Secret         Secret        `env:"JWT_SECRET" unset:"local: random, kept in DATA_DIR; prod: required" help:"signs access tokens; random, at least 32 bytes (HS384: 48, HS512: 64)"`
	PreviousSecret Secret        `env:"JWT_SECRET_PREVIOUS" help:"still verifies access tokens while JWT_SECRET is rolled"`
	Algorithm      string        `env:"JWT_ALG" default:"HS256" oneof:"HS256, HS384 or HS512" help:"HS256, HS384 or HS512"`
	AccessTTL      time.Duration `env:"ACCESS_TOKEN_TTL" default:"10m" min:"1s" help:"life of an access token"`
	RefreshTTL     time.Duration `env:"REFRESH_TOKEN_TTL" default:"24h" min:"1s" help:"life of an unused refresh token"`
	SessionTTL     time.Duration `env:"SESSION_TTL" default:"168h" min:"1s" help:"life of a sign-in, refreshed or not"`
}

// Ollama is the upstream servers and the models that are meant when a call names none.
type Ollama struct {
	// BaseURLs are one or more, absolute and without a trailing slash.
	BaseURLs          []*url.URL    `env:"OLLAMA_BASE_URL" default:"http://localhost:11434" prod:"http://ollama.default.svc.cluster.local:11434" help:"the Ollama servers, comma-separated"`
	MaxInflight       int           `env:"OLLAMA_MAX_INFLIGHT" default:"4" min:"0" max:"100000" help:"calls at once on each Ollama server, the others wait their turn; 0: no limit"`
	QueueLimit        int           `env:"OLLAMA_QUEUE_LIMIT" default:"1024" min:"1" max:"1000000" help:"calls that may wait for Ollama"`
	QueueTimeout      time.Duration `env:"OLLAMA_QUEUE_TIMEOUT" default:"60s" min:"1ms" help:"longest wait for a turn"`
	ConnectTimeout    time.Duration `env:"OLLAMA_CONNECT_TIMEOUT" default:"2s" min:"1ms" help:"longest wait for a connection to Ollama"`
	FirstTokenTimeout time.Duration `env:"OLLAMA_FIRST_TOKEN_TIMEOUT" default:"600s" min:"1ms" help:"longest wait for the first byte of an answer"`
	IdleTimeout       time.Duration `env:"OLLAMA_IDLE_TIMEOUT" default:"300s" min:"1ms" help:"longest silence in the middle of an answer"`
	ChatModel         string        `env:"DEFAULT_CHAT_MODEL" default:"llama3.2:latest" help:"model of a chat that names none"`
	EmbedModel        string        `env:"DEFAULT_EMBED_MODEL" default:"nomic-embed-text" help:"model of an embedding that names none"`
}

// Bootstrap is the first admin, as seeding makes it. Email is not yet normalised; no Password means a random one.
type Bootstrap struct {
	Email    string `env:"ADMIN_BOOTSTRAP_EMAIL" default:"admin@example.com" help:"login name of the first admin"`
	Password Secret `env:"ADMIN_BOOTSTRAP_PASSWORD" unset:"random, printed once" help:"password of the first admin; never printed when it is set; dev: admin unless set"`
	Force    bool   `env:"ADMIN_BOOTSTRAP_PASSWORD_FORCE" default:"false" help:"set that password even when the admin has one, with seed and at each start, and bring back an admin who was disabled or demoted"`
}

// Argon2 holds the Argon2id parameters of RFC 9106 for new password hashes.
type Argon2 struct {
	MemoryKiB   uint32 `env:"ARGON2_MEMORY_KIB" default:"19456" min:"8" max:"262144" help:"memory of one password hash"`
	Time        uint32 `env:"ARGON2_TIME" default:"2" min:"1" max:"16" help:"passes of one password hash"`
	Parallelism uint8  `env:"ARGON2_PARALLELISM" default:"1" min:"1" max:"16" help:"lanes of one password hash"`
}
