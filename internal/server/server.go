// Package server serves all of Paddock on one port: every service behind the door, over Connect, gRPC, gRPC-Web and plain HTTP/JSON,
// the routes of stock clients, the web page, and what operators need. Read the table of routes in New first.
package server

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"sync/atomic"

	"connectrpc.com/connect"
	"connectrpc.com/grpchealth"
	"connectrpc.com/grpcreflect"

	"github.com/paddock-gate/paddock/internal/audit"
	"github.com/paddock-gate/paddock/internal/auth"
	"github.com/paddock-gate/paddock/internal/caller"
	"github.com/paddock-gate/paddock/internal/chat"
	"github.com/paddock-gate/paddock/internal/config"
	"github.com/paddock-gate/paddock/internal/credentials"
	"github.com/paddock-gate/paddock/internal/door"
	"github.com/paddock-gate/paddock/internal/gateway"
	"github.com/paddock-gate/paddock/internal/gen/paddock/v1/paddockv1connect"
	"github.com/paddock-gate/paddock/internal/janitor"
	"github.com/paddock-gate/paddock/internal/ops"
	"github.com/paddock-gate/paddock/internal/overview"
	"github.com/paddock-gate/paddock/internal/quotas"
	"github.com/paddock-gate/paddock/internal/relay"
	"github.com/paddock-gate/paddock/internal/rpc"
	"github.com/paddock-gate/paddock/internal/seal"
	"github.com/paddock-gate/paddock/internal/seal/archive"
	"github.com/paddock-gate/paddock/internal/seal/checkpoint"
	"github.com/paddock-gate/paddock/internal/secret"
	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/usage"
	"github.com/paddock-gate/paddock/internal/users"
	"github.com/paddock-gate/paddock/ui"
)

// The largest bodies that are read, in bytes; for model calls that is a setting.
const (
	authBody     = 16 << 10
	metadataBody = 64 << 10
	rpcModelBody = 4 << 20 // of texts only, which take many times as much once decoded
)

// Whether a service's calls count against the caller's rate limit.
const (
	limited   = true
	unlimited = false
)

// services are the names of all services with an access rule on each method.
var services = []string{
	paddockv1connect.AuthServiceName,
	paddockv1connect.UserServiceName,
	paddockv1connect.CredentialServiceName,
	paddockv1connect.AuditServiceName,
	paddockv1connect.OllamaServiceName,
	paddockv1connect.UsageServiceName,
	paddockv1connect.OverviewServiceName,
}

// Server serves one configuration on one database.
type Server struct {
	config  config.Config
	log     *slog.Logger
	auth    *auth.Service
	trail   *audit.Log
	noise   *audit.Noise
	janitor *janitor.Janitor
	calls   *door.Calls
	metrics *ops.Metrics
	ledger  *usage.Ledger
	sealer  *seal.Sealer // nil without a key
	routes  *table
	handler http.Handler
	tracing *ops.Tracing // nil without

	// cut is closed when the calls that still run are cancelled.
	cut chan struct{}
	// stopping is set once the server was told to stop and is not ready any more, draining when its port is closed, too.
	stopping, draining atomic.Bool
}

// Options are parameters that are no settings of the environment.
type Options struct {
	Secrets     [][]byte        // sign and verify access tokens; the first signs
	AuditKey    *checkpoint.Key // signs checkpoints of the audit trail; nil: it is not sealed
	WithoutPage bool            // serve the API alone
	Version     string          // of the program, for metrics and traces
	// RequestLog logs the requests; nil: the log does.
	RequestLog *slog.Logger
}

// New makes a Server, which opens and starts nothing before Run. The store's schema must be up to date.
func New(ctx context.Context, cfg config.Config, s *store.Store, log *audit.Log, hasher *secret.Hasher, logger *slog.Logger, o Options) (*Server, error) {
	streamed := door.NewStreams(cfg.MaxStreamsPerUser, cfg.MaxStreams)
	metrics := ops.NewMetrics(o.Version, s, hasher, streamed.Count)
	upstream := newUpstream(cfg, metrics) //nolint:contextcheck // its breakers' probes outlive every call
	pings := ops.NewPings(upstream)
	metrics.Watch(upstream, pings)
	limit := door.NewLimiter(cfg.RateLimitPerMinute)
	if !s.Embedded() {
		limit.Shared = s.TakeRequests
	}
	perMinute := int32(cfg.RateLimitPerMinute)
	ledger := usage.NewLedger(s, log, caller.Quota{
		TokensPerDay: cfg.TokensPerDay, TokensPerMonth: cfg.TokensPerMonth, RequestsPerMinute: &perMinute,
	})
	ledger.AnswerTokens, ledger.Settled = int64(cfg.AnswerTokens), metrics.Settled
	noise := audit.NewNoise(log)
	authentication, err := auth.New(s, log, noise, hasher, auth.Options{
		Secrets:           o.Secrets,
		Algorithm:         cfg.Tokens.Algorithm,
		AccessTTL:         cfg.Tokens.AccessTTL,
		RefreshTTL:        cfg.Tokens.RefreshTTL,
		SessionTTL:        cfg.Tokens.SessionTTL,
		PasswordMinLength: cfg.PasswordMinLength,
		RateLimit:         limit.StateOf,
		Quota:             ledger.StateOf,
	})
	if err != nil {
		return nil, err
	}
	models := relay.NewModels(upstream, log, cfg.AllowCloudModels)
	running := door.NewCalls()
	srv := &Server{
		config:  cfg,
		log:     logger,
		auth:    authentication,
		trail:   log,
		noise:   noise,
		janitor: janitor.New(s, log, cfg.Retain),
		calls:   running,
		metrics: metrics,
		ledger:  ledger,
		cut:     make(chan struct{}),
	}
	if o.AuditKey != nil {
		srv.sealer = seal.New(s, log, o.AuditKey)
		srv.janitor.DeleteArchived = archive.NewDeleter(s, log, o.AuditKey.Verifiers()).Delete
		metrics.WatchSeal(srv.sealer.Lag)
		if err := srv.setWitness(cfg.AuditWitness); err != nil {
			return nil, err
		}
	}
	methods, err := door.MethodsOf(services...)
	if err != nil {
		return nil, err
	}
	if cfg.Tracing {
		if srv.tracing, err = ops.NewTracing(ctx, o.Version, cfg.GenAISpans); err != nil {
			return nil, err
		}
	}
	options := rpc.Options()
	health := &ops.Health{Store: s, Pings: pings, Stopping: srv.stopping.Load, Services: services}
	d := &door.Door{
		Auth: authentication, Log: log, Noise: noise, Limit: limit, Calls: running,
		Bodies: door.NewBodies(cfg.MaxModelBody), Streams: streamed,
	}
	t := &table{ServeMux: http.NewServeMux(), door: d, methods: methods, errors: connect.NewErrorWriter(options...)}
	srv.routes = t

	// The table of routes. No others exist.
	t.rpc(authBody, unlimited)(paddockv1connect.NewAuthServiceHandler(authentication, options...))
	t.rpc(metadataBody, limited)(paddockv1connect.NewUserServiceHandler(users.New(s, log, hasher, cfg.PasswordMinLength), options...))
	t.rpc(metadataBody, limited)(paddockv1connect.NewCredentialServiceHandler(credentials.New(s, log), options...))
	t.rpc(metadataBody, limited)(paddockv1connect.NewAuditServiceHandler(audit.NewService(s), options...))
	texts := min(cfg.MaxModelBody, rpcModelBody)
	t.growing(texts, int(cfg.MaxModelBody/texts), limited)(paddockv1connect.NewOllamaServiceHandler(
		chat.New(upstream, models, ledger, cfg.Ollama.ChatModel, cfg.Ollama.EmbedModel), options...))
	t.rpc(metadataBody, limited)(paddockv1connect.NewUsageServiceHandler(quotas.New(s, log, ledger.State, cfg.Retain), options...))
	t.rpc(metadataBody, limited)(paddockv1connect.NewOverviewServiceHandler(overview.New(s, upstream, cfg.Tokens.AccessTTL), options...))
	t.stock(newGateway(cfg, upstream, models, ledger).Routes())
	t.public(grpchealth.NewHandler(health, rpc.Uncompressed))
	if cfg.GRPCReflection {
		reflector := grpcreflect.NewStaticReflector(append(services, grpchealth.HealthV1ServiceName)...)
		t.public(grpcreflect.NewHandlerV1(reflector, rpc.Uncompressed))
		t.public(grpcreflect.NewHandlerV1Alpha(reflector, rpc.Uncompressed))
	}
	t.HandleFunc("GET /healthz", health.Healthz)
	t.HandleFunc("GET /readyz", health.Readyz)
	if cfg.MetricsAddr == "" {
		t.Handle("GET /metrics", srv.metrics.Handler())
	}
	t.HandleFunc("GET /openapi.json", ops.OpenAPI)
	t.HandleFunc("GET /docs", ops.Docs)
	t.Handle("GET /docs/{$}", http.RedirectHandler("/docs", http.StatusMovedPermanently))
	t.HandleFunc("GET /docs/{file}", ops.DocsFile)
	var page http.Handler = http.HandlerFunc(withoutPage)
	if !o.WithoutPage {
		page = ui.Handler("")
		t.Handle("/", page)
	}
	t.HandleFunc("GET /{$}", pageOrHeartbeat(page, gateway.Heartbeat)) // HEAD, too

	srv.handler = ops.Observe(cmp.Or(o.RequestLog, logger), srv.metrics, srv.tracing, door.SecurityHeaders(contentSecurityPolicy,
		door.Proxies(cfg.TrustedProxies).SetClient(
			door.Hosts{Allowed: cfg.AllowedHosts, Loopback: door.IsLoopback(cfg.ListenAddr), Refuse: gateway.Misdirected},
			door.DiscardUnread(cfg.MaxModelBody, door.CORS(cfg.CORSAllowedOrigins, gateway.Strict(t))))))
	return srv, nil
}

// Unsettled returns how many model calls have been admitted and are not settled in the database yet.
func (s *Server) Unsettled() int { return s.ledger.Unsettled() }

// Handler returns the handler of everything that the port serves.
func (s *Server) Handler() http.Handler { return s.handler }
