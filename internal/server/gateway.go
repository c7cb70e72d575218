package server

import (
	"net/http"
	"strings"

	"connectrpc.com/connect"

	"github.com/paddock-gate/paddock/internal/config"
	"github.com/paddock-gate/paddock/internal/door"
	"github.com/paddock-gate/paddock/internal/gateway"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/ops"
	"github.com/paddock-gate/paddock/internal/relay"
	"github.com/paddock-gate/paddock/internal/rpc"
	"github.com/paddock-gate/paddock/internal/upstream"
	"github.com/paddock-gate/paddock/internal/usage"
)

// newUpstream returns the client of the Ollama servers.
func newUpstream(settings config.Config, metrics *ops.Metrics) *upstream.Pool {
	cfg := settings.Ollama
	return upstream.New(upstream.Config{
		BaseURLs:          cfg.BaseURLs,
		AllowCloud:        settings.AllowCloudModels,
		MaxInflight:       cfg.MaxInflight,
		MaxQueue:          cfg.QueueLimit,
		QueueTimeout:      cfg.QueueTimeout,
		OnWait:            metrics.Waited,
		ConnectTimeout:    cfg.ConnectTimeout,
		FirstTokenTimeout: cfg.FirstTokenTimeout,
		IdleTimeout:       cfg.IdleTimeout,
	})
}

// newGateway returns the handlers of the routes of stock clients.
func newGateway(cfg config.Config, upstream *upstream.Pool, models *relay.Models, ledger *usage.Ledger) *gateway.Gateway {
	return gateway.New(upstream, models, ledger, rpc.PublicError, gateway.Options{
		MaxBody: cfg.MaxModelBody, MaxKeepAlive: cfg.MaxKeepAlive, StreamAlive: cfg.StreamKeepAlive, AllowCloud: cfg.AllowCloudModels,
	})
}

// gatewayEndpoint converts a route of the gateway to the door's terms.
func gatewayEndpoint(r gateway.Route) door.Endpoint {
	level := paddockv1.AccessRule_LEVEL_USER
	if r.Public {
		level = paddockv1.AccessRule_LEVEL_PUBLIC
	}
	return door.Endpoint{
		Method:  door.Method{Name: strings.TrimSpace(r.Method + " " + r.Pattern), Rule: &paddockv1.AccessRule{Level: level}, Streams: r.Model},
		MaxBody: r.MaxBody,
		Limited: limited,
		Basic:   true,
		Refuse: func(w http.ResponseWriter, req *http.Request, err *connect.Error) {
			r.Dialect.WriteError(w, req, err)
		},
		CheckFraming: door.CheckCoding,
	}
}

// pageOrHeartbeat serves the root: the page to browsers, which ask for HTML, and the heartbeat to Ollama's clients, which ask whether
// the server is there.
func pageOrHeartbeat(page http.Handler, heartbeat http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Accept")
		if strings.Contains(r.Header.Get("Accept"), "text/html") {
			page.ServeHTTP(w, r)
			return
		}
		heartbeat(w, r)
	}
}
