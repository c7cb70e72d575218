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

// newUpstream makes the client of the Ollama servers. How long calls wait for it goes to the figures.
func newUpstream(settings config.Config, figures *ops.Metrics) *upstream.Pool {
	cfg := settings.Ollama
	return upstream.New(upstream.Config{
		BaseURLs:          cfg.BaseURLs,
		AllowCloud:        settings.AllowCloudModels,
		MaxInflight:       cfg.MaxInflight,
		MaxQueue:          cfg.QueueLimit,
		QueueTimeout:      cfg.QueueTimeout,
		OnWait:            figures.Waited,
		ConnectTimeout:    cfg.ConnectTimeout,
		FirstTokenTimeout: cfg.FirstTokenTimeout,
		IdleTimeout:       cfg.IdleTimeout,
	})
}

// newGateway makes the handlers of the stock routes.
func newGateway(cfg config.Config, upstream *upstream.Pool, models *relay.Models, ledger *usage.Ledger) *gateway.Gateway {
	return gateway.New(upstream, models, ledger, rpc.PublicError, gateway.Options{
		MaxBody: cfg.MaxModelBody, MaxKeepAlive: cfg.MaxKeepAlive, StreamAlive: cfg.StreamKeepAlive, AllowCloud: cfg.AllowCloudModels,
	})
}

// gatewayEndpoint is a route of the gateway in the door's terms.
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
		Refuse: func(w http.ResponseWriter, req *http.Request, told *connect.Error) {
			r.Dialect.WriteError(w, req, told)
		},
		CheckFraming: door.CheckCoding,
	}
}

// pageOrHeartbeat answers the root: who asks for HTML is a browser, everybody else a client of Ollama's that asks whether
// it is there.
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
