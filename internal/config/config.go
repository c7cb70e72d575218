// Package config reads Paddock's settings from the environment: one struct, filled by one call, with every fault told at
// once. Reading touches neither disk nor network; the only file the package ever writes is the local signing secret, when
// SigningSecrets is called.
package config

import (
	"log/slog"
	"net/netip"
	"net/url"
	"time"
)

// Environment decides how strict the settings are checked, and some defaults.
type Environment string

// The two environments. Prod refuses settings that are only fit for one's own machine.
const (
	Local Environment = "local"
	Prod  Environment = "prod"
)

// Config is everything an operator can set. Load is the only way to a valid one; the zero value is not.
type Config struct {
	// Environment is where this server runs: ENVIRONMENT.
	Environment Environment
	// Database is where everything is kept: DATABASE_URL, or else DB_*, or else a file in DataDir.
	Database Database
	// AutoMigrate brings the schema up to date at start; without it a server refuses to start on a schema that is
	// behind: AUTO_MIGRATE.
	AutoMigrate bool
	// DataDir is the folder of the embedded database and the local signing secret: DATA_DIR.
	DataDir string

	// ListenAddr is the host:port that serves everything: LISTEN_ADDR. Port 0 lets the system choose one.
	ListenAddr string
	// MetricsAddr is a host:port of its own for /metrics; empty leaves it on ListenAddr: METRICS_ADDR.
	MetricsAddr string
	// GRPCReflection lets anybody list the services and their messages: GRPC_REFLECTION.
	GRPCReflection bool
	// CORSAllowedOrigins are the pages of other origins that a browser lets call us, as browsers spell them
	// (scheme://host[:port]). "*" is any host where the scheme is not http or https, any port of localhost, and alone every
	// origin, in Local only. Empty switches CORS off: CORS_ALLOWED_ORIGINS.
	CORSAllowedOrigins []string
	// TrustedProxies are the networks whose X-Forwarded-For is believed, masked, IPv4 in its four-byte form:
	// TRUSTED_PROXIES.
	TrustedProxies []netip.Prefix
	// WebAPIBase is the http(s) address that a web page served apart from its API calls, without a trailing slash;
	// empty is the same origin: VITE_API_BASE.
	WebAPIBase string

	// Tokens says how sessions are signed and how long they last.
	Tokens Tokens
	// RateLimitPerMinute is how many calls one user may make in a minute; 0 is no limit: RATE_LIMIT_PER_MINUTE.
	RateLimitPerMinute int
	// TokensPerDay and TokensPerMonth are the quotas of users who have none of their own; nil is no limit:
	// DEFAULT_TOKENS_PER_DAY, DEFAULT_TOKENS_PER_MONTH.
	TokensPerDay, TokensPerMonth *int64
	// AnswerTokens is how long the answer of a user with a quota may be, in tokens, where the client sets no limit, and so
	// how much a running call holds: QUOTA_ANSWER_TOKENS.
	AnswerTokens int
	// StreamKeepAlive is how often a client that waits for more of a streamed answer is sent a sign of life, 10 ms or more:
	// STREAM_KEEP_ALIVE.
	StreamKeepAlive time.Duration
	// MaxModelBody is the largest body of a model call, bytes, after decoding: MAX_MODEL_BODY.
	MaxModelBody int64
	// MaxKeepAlive is the longest that a call may have its model stay loaded after it, 1 s or more: MAX_KEEP_ALIVE.
	MaxKeepAlive time.Duration
	// AllowCloudModels lets callers use models, and web search, that Ollama runs on ollama.com: ALLOW_CLOUD_MODELS.
	AllowCloudModels bool
	// MaxStreamsPerUser and MaxStreams are how many streamed answers may run at once, for one user and in all:
	// MAX_STREAMS_PER_USER, MAX_STREAMS.
	MaxStreamsPerUser, MaxStreams int
	// PasswordMinLength is the least number of characters (not bytes) in a new password, 8 or more:
	// PASSWORD_MIN_LENGTH.
	PasswordMinLength int
	// Argon2 is what a password's hash costs.
	Argon2 Argon2
	// Bootstrap is the first admin.
	Bootstrap Bootstrap

	// Ollama is what stands behind us.
	Ollama Ollama

	// LogLevel is the least severe level that is logged: LOG_LEVEL.
	LogLevel slog.Level
	// LogFormat is "json" or "text"; empty means text on a terminal, else JSON: LOG_FORMAT.
	LogFormat string
	// Tracing tells that the standard OTEL_* variables ask for traces. Their values are OpenTelemetry's own to read.
	Tracing bool
}

// Tokens says how sessions are signed and how long they last. Each time to live is a bound by itself; none need be
// shorter than another, since no token outlives its session.
type Tokens struct {
	// Secret signs and verifies; as many bytes as Algorithm's hash or more (RFC 7518 section 3.2). Empty, in Local
	// only, means a random one kept in DataDir: JWT_SECRET. Use SigningSecrets to have the one that counts.
	Secret Secret
	// PreviousSecret still verifies while Secret is being rolled; may be empty: JWT_SECRET_PREVIOUS.
	PreviousSecret Secret
	// Algorithm is HS256, HS384 or HS512: JWT_ALG.
	Algorithm string
	// AccessTTL is the life of an access token, 1 s or more: ACCESS_TOKEN_TTL.
	AccessTTL time.Duration
	// RefreshTTL is the life of a refresh token that is not used, 1 s or more: REFRESH_TOKEN_TTL.
	RefreshTTL time.Duration
	// SessionTTL is the life of a sign-in, however often it is refreshed, 1 s or more: SESSION_TTL.
	SessionTTL time.Duration
}

// Argon2 holds the Argon2id parameters of RFC 9106 for new password hashes.
type Argon2 struct {
	// MemoryKiB is the memory of one hash, 8 KiB a lane or more, in Prod 7168 or more (OWASP's least):
	// ARGON2_MEMORY_KIB.
	MemoryKiB uint32
	// Time is the number of passes, 1 to 16: ARGON2_TIME.
	Time uint32
	// Parallelism is the number of lanes, 1 to 16: ARGON2_PARALLELISM.
	Parallelism uint8
}

// Bootstrap is the first admin, as seeding makes it.
type Bootstrap struct {
	// Email is the admin's login name, not yet normalised: ADMIN_BOOTSTRAP_EMAIL.
	Email string
	// Password is the admin's first password; empty means a random one, printed once: ADMIN_BOOTSTRAP_PASSWORD.
	Password Secret
	// Force sets the password even when the admin has one: ADMIN_BOOTSTRAP_PASSWORD_FORCE.
	Force bool
}

// Ollama is the upstream servers and the models that are meant when a call names none.
type Ollama struct {
	// BaseURLs are the servers' absolute http or https addresses, without credentials, query or trailing slash, one or
	// more: OLLAMA_BASE_URL.
	BaseURLs []*url.URL
	// MaxInflight is how many calls run at once on one server, 0 is no limit: OLLAMA_MAX_INFLIGHT. The others wait, at
	// most QueueLimit of them, for QueueTimeout: OLLAMA_QUEUE_LIMIT, OLLAMA_QUEUE_TIMEOUT.
	MaxInflight, QueueLimit int
	QueueTimeout            time.Duration
	// ConnectTimeout bounds the making of a connection, 1 ms or more: OLLAMA_CONNECT_TIMEOUT.
	ConnectTimeout time.Duration
	// FirstTokenTimeout bounds the wait for an answer's first byte, 1 ms or more: OLLAMA_FIRST_TOKEN_TIMEOUT.
	FirstTokenTimeout time.Duration
	// IdleTimeout bounds the silence between two pieces of an answer, 1 ms or more: OLLAMA_IDLE_TIMEOUT.
	IdleTimeout time.Duration
	// ChatModel is the model for chats: DEFAULT_CHAT_MODEL.
	ChatModel string
	// EmbedModel is the model for embeddings: DEFAULT_EMBED_MODEL.
	EmbedModel string
}

// Load reads every variable of Vars through getenv, which answers "" for one that is not set (os.Getenv does). A
// variable set to the empty string counts as not set. The error, if any, is a Faults with all that is wrong.
//
// Each of checks adds what a package above this one knows better, such as the rules for passwords, so that its faults are
// told with the others. It is given what was read, with zero values in place of the faulty; of a variable that already
// has a fault, a further one is left out.
func Load(getenv func(name string) string, checks ...func(Config) Faults) (Config, error) {
	var d draft
	for _, v := range d.variables() {
		value := getenv(v.name)
		if value == "" {
			value = v.unset.value(d.Environment)
		}
		if value == "" {
			continue
		}
		if problem := v.read(value); problem != "" {
			d.fault(v.name, problem)
		}
	}
	d.resolve()
	d.check()
	for _, check := range checks {
		for _, f := range check(d.Config) {
			d.fault(f.Variable, f.Problem)
		}
	}
	if len(d.faults) > 0 {
		return Config{}, d.sortedFaults()
	}
	return d.Config, nil
}
