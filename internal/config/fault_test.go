package config_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/paddock-gate/paddock/internal/config"
)

// faultCases has one case or more for every line that Load can say; FuzzLoad finds lines that are missing here.
var faultCases = []struct {
	variable, value, problem string
	with                     map[string]string // set beside it
}{
	{variable: "ENVIRONMENT", value: "production", problem: "must be local or prod"},
	{variable: "ENVIRONMENT", value: "Prod", problem: "must be local or prod"},
	{variable: "ENVIRONMENT", value: "local ", problem: "must be local or prod"},
	{variable: "DB_HOST", value: "db:5432", problem: badHost},
	{variable: "DB_HOST", value: "db1,db2", problem: badHost},
	{variable: "DB_HOST", value: "fe80::1%eth0", problem: badHost},
	{variable: "DB_PORT", value: "tcp://10.0.0.1:5432", problem: "must be a whole number from 1 to 65535"},
	{variable: "DB_PORT", value: "0", problem: "must be a whole number from 1 to 65535"},
	{variable: "DB_PORT", value: "65536", problem: "must be a whole number from 1 to 65535"},
	{variable: "DATABASE_URL", value: "mysql://u:p@h/db", problem: "must start with postgres://, postgresql:// or sqlite:///"},
	{variable: "DATABASE_URL", value: "postgres:/h/db", problem: "must start with postgres://, postgresql:// or sqlite:///"},
	{variable: "DATABASE_URL", value: "host=h user=u", problem: "must start with postgres://, postgresql:// or sqlite:///"},
	{variable: "DATABASE_URL", value: "postgres://u:p%@h/db", problem: badDatabaseURL},
	{variable: "DATABASE_URL", value: "postgres://u:p@h:port/db", problem: badDatabaseURL},
	{variable: "DATABASE_URL", value: "sqlite://", problem: "must name a file after sqlite:// and hold none of % ? #"},
	{variable: "DATABASE_URL", value: "sqlite:///data/", problem: "must name a file after sqlite:// and hold none of % ? #"},
	{variable: "DATABASE_URL", value: "sqlite:///f?mode=memory", problem: "must name a file after sqlite:// and hold none of % ? #"},
	{variable: "DATA_DIR", value: "data?x", problem: "must be a folder's path and hold none of % ? #"},
	{variable: "LISTEN_ADDR", value: "8080", problem: badAddress},
	{variable: "LISTEN_ADDR", value: ":http", problem: badAddress},
	{variable: "LISTEN_ADDR", value: ":65536", problem: badAddress},
	{variable: "LISTEN_ADDR", value: "a b:80", problem: badAddress},
	{variable: "METRICS_ADDR", value: "localhost", problem: badAddress},
	{variable: "METRICS_ADDR", value: ":8080", problem: "must not be the same port as LISTEN_ADDR"},
	{variable: "SHUTDOWN_DELAY", value: "5", problem: badDelay},
	{variable: "DRAIN_TIMEOUT", value: "-1s", problem: badDelay},
	{variable: "AUDIT_SIGNING_KEY", value: randomSecret, problem: badAuditKey},
	{variable: "AUDIT_SIGNING_KEY", value: auditKey[:len(auditKey)-4], problem: badAuditKey},
	{variable: "AUDIT_SIGNING_KEY_FILE", value: "testdata/short", problem: "its text " + badAuditKey},
	{variable: "AUDIT_WITNESS_URL", value: "http://witness.example.com", problem: badWitnessURL},
	{variable: "AUDIT_WITNESS_URL", value: "witness.example.com", problem: badWitnessURL},
	{variable: "AUDIT_WITNESS_URL", value: "https://user:pw@witness.example.com", problem: badWitnessURL},
	{variable: "AUDIT_WITNESS_URL", value: "https://witness.example.com/?log=1", problem: badWitnessURL},
	{variable: "AUDIT_WITNESS_URL", value: "http://127.0.0.1.example.com/", problem: badWitnessURL},
	{variable: "AUDIT_WITNESS_URL", value: "", with: map[string]string{"AUDIT_WITNESS_KEY": witnessKey}, problem: "must be set when AUDIT_WITNESS_KEY is"},
	{variable: "AUDIT_WITNESS_KEY", value: "", with: map[string]string{"AUDIT_WITNESS_URL": "https://witness.example.com"}, problem: "must be set when AUDIT_WITNESS_URL is"},
	{variable: "AUDIT_WITNESS_KEY", value: auditKey, problem: badWitnessKey},
	{variable: "AUDIT_WITNESS_KEY", value: witnessKey[:len(witnessKey)-4], problem: badWitnessKey},
	{variable: "AUDIT_WITNESS_KEY", value: "x" + witnessKey, problem: badWitnessKey},
	{variable: "JWT_SECRET", value: strings.Repeat("ab", 15) + "c", problem: "must be at least 32 bytes long for this JWT_ALG"},
	{variable: "JWT_SECRET", value: randomSecret[:47], with: hs384, problem: "must be at least 48 bytes long for this JWT_ALG"},
	{variable: "JWT_SECRET", value: randomSecret[:63], with: hs512, problem: "must be at least 64 bytes long for this JWT_ALG"},
	{variable: "JWT_SECRET", value: "", with: prod, problem: "must be set in prod; `openssl rand -hex 32` makes one"},
	{variable: "JWT_SECRET", value: strings.Repeat("x", 64), with: prod, problem: guessable},
	{variable: "JWT_SECRET", value: strings.Repeat("abc123", 10), with: prod, problem: guessable},
	{variable: "JWT_SECRET", value: "change-me-" + randomSecret, with: prod, problem: guessable},
	{variable: "JWT_SECRET", value: "please CHANGE_ME in production 0123456789", with: prod, problem: guessable},
	{variable: "JWT_SECRET", value: "secret-key-that-is-long-enough-for-hs256", with: prod, problem: guessable},
	{variable: "JWT_SECRET", value: "your-256-bit-secret-0123456789abcdef", with: prod, problem: guessable},
	{variable: "JWT_SECRET", value: "a-string-secret-at-least-256-bits-long", with: prod, problem: guessable},
	{variable: "JWT_SECRET", value: "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7", with: prod, problem: guessable},
	{variable: "JWT_SECRET_FILE", value: "testdata/none", problem: "must name a file that exists"},
	{variable: "JWT_SECRET_FILE", value: "testdata/none", with: prod, problem: "must name a file that exists"},
	{variable: "JWT_SECRET_FILE", value: "testdata", problem: badFile},
	{variable: "JWT_SECRET_FILE", value: "testdata/\x00", problem: badFile},
	{variable: "JWT_SECRET_FILE", value: "testdata/empty", problem: "must name a file that is not empty"},
	{variable: "JWT_SECRET_FILE", value: "testdata/lines", problem: "must name a file of one line of text"},
	{variable: "JWT_SECRET_FILE", value: "testdata/short", with: safeProd, problem: "must not be set beside JWT_SECRET"},
	{variable: "JWT_SECRET_FILE", value: "testdata/short", with: prod, problem: "its text must be at least 32 bytes long for this JWT_ALG"},
	{variable: "ADMIN_BOOTSTRAP_PASSWORD_FILE", value: "testdata/short", with: safeProd, problem: "its text must have at least PASSWORD_MIN_LENGTH characters in prod"},
	{variable: "DATABASE_URL_FILE", value: "testdata/short", problem: "its text must start with postgres://, postgresql:// or sqlite:///"},
	{variable: "JWT_SECRET_PREVIOUS", value: "short", problem: "must be at least 32 bytes long for this JWT_ALG"},
	{variable: "JWT_SECRET_PREVIOUS", value: randomSecret[:32], with: hs384, problem: "must be at least 48 bytes long for this JWT_ALG"},
	{variable: "JWT_SECRET_PREVIOUS", value: randomSecret[:32], with: hs512, problem: "must be at least 64 bytes long for this JWT_ALG"},
	{variable: "JWT_SECRET_PREVIOUS", value: strings.Repeat("changeme", 4), with: safeProd, problem: guessable},
	{variable: "JWT_ALG", value: "none", problem: "must be HS256, HS384 or HS512"},
	{variable: "JWT_ALG", value: "hs256", problem: "must be HS256, HS384 or HS512"},
	{variable: "ACCESS_TOKEN_TTL", value: "10", problem: badLifetime},
	{variable: "REFRESH_TOKEN_TTL", value: "999ms", problem: badLifetime},
	{variable: "SESSION_TTL", value: "-1h", problem: badLifetime},
	{variable: "RATE_LIMIT_PER_MINUTE", value: "-1", problem: "must be a whole number from 0 to 1000000"},
	{variable: "RATE_LIMIT_PER_MINUTE", value: "60/m", problem: "must be a whole number from 0 to 1000000"},
	{variable: "DEFAULT_TOKENS_PER_DAY", value: "-1", problem: "must be a whole number, 0 or more"},
	{variable: "DEFAULT_TOKENS_PER_MONTH", value: "9223372036854775808", problem: "must be a whole number, 0 or more"},
	{variable: "QUOTA_ANSWER_TOKENS", value: "131073", problem: "must be a whole number from 1 to 131072"},
	{variable: "RETAIN_USAGE", value: "400", problem: badDelay},
	{variable: "RETAIN_USAGE", value: "-1d", problem: badDelay},
	{variable: "RETAIN_USAGE", value: "106752d", problem: badDelay},
	{variable: "RETAIN_USAGE", value: "1.5d", problem: badDelay},
	{variable: "RETAIN_USAGE", value: "1d", problem: badRetention},
	{variable: "RETAIN_KEYS", value: "47h59m", problem: badRetention},
	{variable: "RETAIN_AUDIT", value: "29d", problem: "must be 0, or at least 30d"},
	{variable: "MAX_STREAMS_PER_USER", value: "0", problem: "must be a whole number from 1 to 1000000"},
	{variable: "MAX_STREAMS", value: "1000001", problem: "must be a whole number from 1 to 1000000"},
	{variable: "OLLAMA_BASE_URL", value: "localhost:11434", problem: badBaseURLs},
	{variable: "OLLAMA_BASE_URL", value: "http://a, http://b, http://a/", problem: badBaseURLs},
	{variable: "OLLAMA_BASE_URL", value: "http://", problem: badBaseURLs},
	{variable: "OLLAMA_BASE_URL", value: "unix:///run/ollama.sock", problem: badBaseURLs},
	{variable: "OLLAMA_BASE_URL", value: "http://user:pw@ollama", problem: badBaseURLs},
	{variable: "OLLAMA_BASE_URL", value: "http://ollama/?key=1", problem: badBaseURLs},
	{variable: "OLLAMA_BASE_URL", value: "http://ollama/#", problem: badBaseURLs},
	{variable: "OLLAMA_BASE_URL", value: "http://ollama:99999", problem: badBaseURLs},
	{variable: "OLLAMA_BASE_URL", value: "http://a:11434, http://b:11434/v1/", problem: "must be Ollama's own address, without /v1 or /api"},
	{variable: "OLLAMA_BASE_URL", value: " , ", problem: badBaseURL},
	{variable: "OLLAMA_MAX_INFLIGHT", value: "100001", problem: "must be a whole number from 0 to 100000"},
	{variable: "OLLAMA_QUEUE_LIMIT", value: "0", problem: "must be a whole number from 1 to 1000000"},
	{variable: "OLLAMA_QUEUE_TIMEOUT", value: "0s", problem: badTimeout},
	{variable: "OLLAMA_CONNECT_TIMEOUT", value: "0", problem: badTimeout},
	{variable: "OLLAMA_FIRST_TOKEN_TIMEOUT", value: "soon", problem: badTimeout},
	{variable: "OLLAMA_IDLE_TIMEOUT", value: "-30s", problem: badTimeout},
	{variable: "STREAM_KEEP_ALIVE", value: "9ms", problem: "must be a duration such as 90s, 10m or 24h, at least 10ms"},
	{variable: "MAX_MODEL_BODY", value: "63KiB", problem: badSize},
	{variable: "MAX_MODEL_BODY", value: "1025 MiB", problem: badSize},
	{variable: "MAX_MODEL_BODY", value: "64MB", problem: badSize},
	{variable: "MAX_KEEP_ALIVE", value: "999ms", problem: badLifetime},
	{variable: "ALLOW_CLOUD_MODELS", value: "maybe", problem: badBoolean},
	{variable: "ADMIN_BOOTSTRAP_PASSWORD", value: "ünïcödé1234", with: safeProd, problem: "must have at least PASSWORD_MIN_LENGTH characters in prod"},
	{variable: "ADMIN_BOOTSTRAP_PASSWORD_FORCE", value: "ture", problem: badBoolean},
	{variable: "CORS_ALLOWED_ORIGINS", value: "*", with: safeProd, problem: "must not be * in prod"},
	{variable: "CORS_ALLOWED_ORIGINS", value: "https://a.example/", problem: badOrigins},
	{variable: "CORS_ALLOWED_ORIGINS", value: "https://A.example", problem: badOrigins},
	{variable: "CORS_ALLOWED_ORIGINS", value: "https://a.example:443", problem: badOrigins},
	{variable: "CORS_ALLOWED_ORIGINS", value: "https://*.example", problem: badOrigins},
	{variable: "CORS_ALLOWED_ORIGINS", value: "https://*", problem: badOrigins},
	{variable: "CORS_ALLOWED_ORIGINS", value: "http://*:5173", problem: badOrigins},
	{variable: "CORS_ALLOWED_ORIGINS", value: "http*://localhost", problem: badOrigins},
	{variable: "CORS_ALLOWED_ORIGINS", value: "*://localhost", problem: badOrigins},
	{variable: "CORS_ALLOWED_ORIGINS", value: "http://a.example:*", problem: badOrigins},
	{variable: "CORS_ALLOWED_ORIGINS", value: "http://10.0.0.1:*", problem: badOrigins},
	{variable: "CORS_ALLOWED_ORIGINS", value: "http://localhost.evil.example:*", problem: badOrigins},
	{variable: "CORS_ALLOWED_ORIGINS", value: "http://localhost:1:*", problem: badOrigins},
	{variable: "CORS_ALLOWED_ORIGINS", value: "http://localhost:8*", problem: badOrigins},
	{variable: "CORS_ALLOWED_ORIGINS", value: "http://localhost*", problem: badOrigins},
	{variable: "CORS_ALLOWED_ORIGINS", value: "http://:*", problem: badOrigins},
	{variable: "CORS_ALLOWED_ORIGINS", value: "app://*.md", problem: badOrigins},
	{variable: "CORS_ALLOWED_ORIGINS", value: "app://obsidian.md/", problem: badOrigins},
	{variable: "CORS_ALLOWED_ORIGINS", value: "app://obsidian.md:*", problem: badOrigins},
	{variable: "CORS_ALLOWED_ORIGINS", value: "app://*:*", problem: badOrigins},
	{variable: "CORS_ALLOWED_ORIGINS", value: "app://", problem: badOrigins},
	{variable: "CORS_ALLOWED_ORIGINS", value: "App://obsidian.md", problem: badOrigins},
	{variable: "CORS_ALLOWED_ORIGINS", value: "://*", problem: badOrigins},
	{variable: "CORS_ALLOWED_ORIGINS", value: "1app://*", problem: badOrigins},
	{variable: "CORS_ALLOWED_ORIGINS", value: "**", problem: badOrigins},
	{variable: "CORS_ALLOWED_ORIGINS", value: "https://a.example,null", problem: badOrigins},
	{variable: "CORS_ALLOWED_ORIGINS", value: "a.example", problem: badOrigins},
	{variable: "ALLOWED_HOSTS", value: "https://ai.example.com", problem: badHosts},
	{variable: "ALLOWED_HOSTS", value: "ai.example.com:443", problem: badHosts},
	{variable: "ALLOWED_HOSTS", value: "*.example.com", problem: badHosts},
	{variable: "ALLOWED_HOSTS", value: "ai.example.com,fe80::1%eth0", problem: badHosts},
	{variable: "TRUSTED_PROXIES", value: "10.0.0.0/33", problem: badNetworks},
	{variable: "TRUSTED_PROXIES", value: "10.0.0.0/8,proxy", problem: badNetworks},
	{variable: "TRUSTED_PROXIES", value: "fe80::1%eth0", problem: badNetworks},
	{variable: "TRUSTED_PROXIES", value: "::ffff:0:0/90", problem: badNetworks},
	{variable: "PASSWORD_MIN_LENGTH", value: "7", problem: "must be a whole number from 8 to 128"},
	{variable: "ARGON2_MEMORY_KIB", value: "7", problem: "must be a whole number from 8 to 262144"},
	{variable: "ARGON2_MEMORY_KIB", value: "31", with: map[string]string{"ARGON2_PARALLELISM": "4"}, problem: "must be at least 8 times ARGON2_PARALLELISM"},
	{variable: "ARGON2_MEMORY_KIB", value: "7167", with: safeProd, problem: "must be at least 7168 in prod"},
	{variable: "ARGON2_TIME", value: "0", problem: "must be a whole number from 1 to 16"},
	{variable: "ARGON2_PARALLELISM", value: "256", problem: "must be a whole number from 1 to 16"},
	{variable: "LOG_LEVEL", value: "trace", problem: "must be debug, info, warn or error"},
	{variable: "LOG_FORMAT", value: "logfmt", problem: "must be json or text"},
	{variable: "AUTO_MIGRATE", value: "auto", problem: badBoolean},
	{variable: "GRPC_REFLECTION", value: "2", problem: badBoolean},
	{variable: "OTEL_TRACES_EXPORTER", value: "console", problem: "must be otlp or none"},
	{variable: "OTEL_EXPORTER_OTLP_ENDPOINT", value: "collector:4318", problem: badBaseURL},
	{variable: "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", value: "grpc://collector:4317", problem: badBaseURL},
	{variable: "OTEL_EXPORTER_OTLP_PROTOCOL", value: "grpc", with: traced, problem: badProtocol},
	{variable: "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", value: "http/json", with: traced, problem: badProtocol},
	{variable: "OTEL_TRACES_SAMPLER", value: "ratio", with: traced, problem: badSampler},
	{variable: "OTEL_TRACES_SAMPLER_ARG", value: "10%", with: traced, problem: "must be a number from 0 to 1"},
	{variable: "OTEL_RESOURCE_ATTRIBUTES", value: "team=ml,gate", with: traced, problem: badAttributes},
	{variable: "VITE_API_BASE", value: "/api", problem: badBaseURL},
}

const (
	badAuditKey    = "must be a line of `paddock audit key`, the one that begins with PRIVATE"
	badWitnessURL  = "must be an https:// address without credentials, query or fragment; http:// on this machine alone"
	badWitnessKey  = "must be the witness's public key, such as witness.example.com+1a2b3c4d+BA…"
	badFile        = "must name a file that can be read"
	badRetention   = "must be 0, or at least 2d"
	badDelay       = "must be a duration such as 90s, 10m or 24h, at least 0s"
	badAddress     = "must be host:port or :port, with a port from 1 to 65535, or 0 for any free one"
	badHost        = "must be a host name or address without a port, or the folder of a Unix socket"
	badDatabaseURL = "must be a valid URL, with reserved characters in the password percent-encoded"
	guessable      = "must be random, not a sample or a pattern, in prod"
	badLifetime    = "must be a duration such as 90s, 10m or 24h, at least 1s"
	badTimeout     = "must be a duration such as 90s, 10m or 24h, at least 1ms"
	badSize        = "must be a size such as 64MiB, from 64KiB to 1024MiB"
	badBaseURLs    = badBaseURL + ", or several, comma-separated, each once"
	badBaseURL     = "must be an http:// or https:// address without credentials, query or fragment"
	badBoolean     = "must be true or false (1, yes, on; 0, no, off)"
	badOrigins     = "must be origins such as https://app.example.com, app://obsidian.md, moz-extension://* or http://localhost:*, lower case, without path or default port, comma-separated; * may be the host where the scheme is not http or https, and the port of this machine"
	badHosts       = "must be host names without scheme, port or path, comma-separated"
	badNetworks    = "must be networks such as 10.0.0.0/8 or single addresses, comma-separated"
	badProtocol    = "must be http/protobuf, the one protocol that is supported"
	badSampler     = "must be always_on, always_off, traceidratio, parentbased_always_on, parentbased_always_off, parentbased_traceidratio"
	badAttributes  = "must be key=value pairs, comma-separated"
)

var (
	prod     = map[string]string{"ENVIRONMENT": "prod"}
	safeProd = map[string]string{"ENVIRONMENT": "prod", "JWT_SECRET": randomSecret}
	traced   = map[string]string{"OTEL_TRACES_EXPORTER": "otlp"}
	hs384    = map[string]string{"JWT_ALG": "HS384"}
	hs512    = map[string]string{"JWT_ALG": "HS512"}
)

// loadFaults returns what Load finds wrong, nil for nothing.
func loadFaults(t *testing.T, vars map[string]string) config.Faults {
	t.Helper()
	_, err := config.Load(env(vars))
	var faults config.Faults
	if err != nil && !errors.As(err, &faults) {
		t.Fatalf("Load returns %T, not Faults", err)
	}
	return faults
}

func TestLoad_EachFault(t *testing.T) {
	for _, tt := range faultCases {
		t.Run(tt.variable+"="+tt.value, func(t *testing.T) {
			vars := maps.Clone(tt.with)
			if vars == nil {
				vars = map[string]string{}
			}
			vars[tt.variable] = tt.value
			want := config.Faults{{Variable: tt.variable, Problem: tt.problem}}
			if got := loadFaults(t, vars); !slices.Equal(got, want) {
				t.Errorf("got  %v\nwant %v", got, want)
			}
		})
	}
}

func TestLoad_AllFaultsInOrderOfVars(t *testing.T) {
	vars := map[string]string{}
	want := map[string]string{}
	for _, tt := range faultCases {
		file := strings.HasSuffix(tt.variable, "_FILE") // stands in place of another
		if _, dup := vars[tt.variable]; !dup && !file && tt.with == nil && tt.value != "" {
			vars[tt.variable] = tt.value
			want[tt.variable] = tt.variable + ": " + tt.problem
		}
	}
	want["JWT_SECRET_PREVIOUS"] = "JWT_SECRET_PREVIOUS: must be at least 32 bytes long for this JWT_ALG"
	var lines []string
	for _, v := range config.Vars() {
		if line, ok := want[v.Name]; ok {
			lines = append(lines, line)
		}
	}
	_, err := config.Load(env(vars))
	if err == nil || err.Error() != strings.Join(lines, "\n") {
		t.Errorf("got:\n%v\nwant:\n%s", err, strings.Join(lines, "\n"))
	}
	if len(lines) < 30 {
		t.Errorf("only %d variables took part", len(lines))
	}
}

func TestLoad_AllFaultsInProd(t *testing.T) {
	got := loadFaults(t, map[string]string{
		"ENVIRONMENT": "prod", "ADMIN_BOOTSTRAP_PASSWORD": "admin", "CORS_ALLOWED_ORIGINS": "*", "ARGON2_MEMORY_KIB": "64",
		"LOG_LEVEL": "loud",
	})
	var names []string
	for _, f := range got {
		names = append(names, f.Variable)
	}
	want := []string{"JWT_SECRET", "ADMIN_BOOTSTRAP_PASSWORD", "CORS_ALLOWED_ORIGINS", "ARGON2_MEMORY_KIB", "LOG_LEVEL"}
	if !slices.Equal(names, want) {
		t.Errorf("got %v, want %v", names, want)
	}
}

func TestLoad_FurtherChecks(t *testing.T) {
	weak := func(c config.Config) config.Faults {
		if c.Bootstrap.Password.Reveal() != "correcthorse" {
			return nil
		}
		return config.Faults{
			{Variable: "ADMIN_BOOTSTRAP_PASSWORD", Problem: "must not be common"},
			{Variable: "DB_PORT", Problem: "must not be told twice"},
		}
	}
	_, err := config.Load(env(map[string]string{
		"DB_PORT": "x", "ADMIN_BOOTSTRAP_PASSWORD": "correcthorse", "LOG_LEVEL": "loud",
	}), weak)
	const want = "DB_PORT: must be a whole number from 1 to 65535\n" +
		"ADMIN_BOOTSTRAP_PASSWORD: must not be common\n" +
		"LOG_LEVEL: must be debug, info, warn or error"
	if err == nil || err.Error() != want {
		t.Errorf("got:\n%v\nwant:\n%s", err, want)
	}
}

func TestLoad_LocalAcceptsWhatProdRefuses(t *testing.T) {
	load(t, map[string]string{
		"JWT_SECRET": strings.Repeat("change-me", 4), "ADMIN_BOOTSTRAP_PASSWORD": "admin", "CORS_ALLOWED_ORIGINS": "*",
		"ARGON2_MEMORY_KIB": "8", "ARGON2_TIME": "1",
	})
}

// TestLoad_TracingOffIgnoresItsVariables because clusters set the OTEL_* of everything that runs in them.
func TestLoad_TracingOffIgnoresItsVariables(t *testing.T) {
	wrong := map[string]string{
		"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4317", "OTEL_RESOURCE_ATTRIBUTES": "gate",
	}
	for _, off := range []map[string]string{{"OTEL_SDK_DISABLED": "true"}, {"OTEL_TRACES_EXPORTER": "none"}} {
		maps.Copy(off, wrong)
		load(t, off)
	}
	load(t, map[string]string{ // the one for traces wins
		"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
		"OTEL_RESOURCE_ATTRIBUTES": " team=ml, site=a%20b ",
	})
}

func TestLoad_ProdAcceptsGeneratedSecrets(t *testing.T) {
	for _, secret := range []string{
		randomSecret,
		"9f86d081884c7d659a2feaa0c55ad015",         // openssl rand -hex 16
		"Hk3vTz0m6yqW+e5Jr8sXnD1pLb/4aVgUQ7iCtEo=", // openssl rand -base64 32
		"a8098c1a-f86e-11da-bd1a-00112444be1e",     // a UUID
		"the-top-secret-of-7-horses-and-1-paddock", // a passphrase that merely mentions a secret
	} {
		load(t, map[string]string{"ENVIRONMENT": "prod", "JWT_SECRET": secret})
	}
}

func TestLoad_FaultsQuoteNoValue(t *testing.T) {
	const canary = "cAnArY7"
	shapes := []string{
		canary, " " + canary, canary + "\n" + canary, "-" + canary, "http://" + canary, "http://u:" + canary + "@h", "http://h/?" + canary,
		"postgres://u:" + canary + "%@h", "postgres://" + canary + ":bad/db", "sqlite://" + canary + "?", canary + ":1:2",
		canary + ":99999", "," + canary + ",", "1.2.3.4/" + canary, canary + "@" + canary + "@", "\x00" + canary, "\xff" + canary,
	}
	for _, environment := range []string{"local", "prod", canary} {
		for _, v := range config.Vars() {
			for _, value := range shapes {
				vars := map[string]string{"ENVIRONMENT": environment}
				vars[v.Name] = value
				_, err := config.Load(env(vars))
				if err != nil && strings.Contains(strings.ToLower(err.Error()), strings.ToLower(canary)) {
					t.Errorf("%s=%q: %v", v.Name, value, err)
				}
			}
		}
	}
}

// FuzzLoad sets one variable to anything at all, in either environment. Load must not panic and must say nothing but the
// lines of faultCases, which no value can get into.
func FuzzLoad(f *testing.F) {
	vars := config.Vars()
	known := map[string]bool{}
	for _, tt := range faultCases {
		known[tt.variable+": "+tt.problem] = true
		i := slices.IndexFunc(vars, func(v config.Var) bool { return v.Name == tt.variable })
		f.Add(uint8(i), tt.value, tt.with["ENVIRONMENT"] == "prod")
	}
	f.Fuzz(func(t *testing.T, i uint8, value string, inProd bool) {
		set := map[string]string{}
		if inProd {
			set = maps.Clone(safeProd)
		}
		name := vars[int(i)%len(vars)].Name
		if strings.HasSuffix(name, "_FILE") {
			t.Skip("would read any file of this machine")
		}
		set[name] = value
		for _, fault := range loadFaults(t, set) {
			if !known[fault.String()] {
				t.Errorf("a line that no case expects: %s", fault)
			}
		}
	})
}
