package server

import (
	"net/http"
	"strings"

	"connectrpc.com/connect"

	"github.com/paddock-gate/paddock/internal/gateway"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
)

// gatewayEntrance is a route of the gateway in the door's terms.
func gatewayEntrance(r gateway.Route) entrance {
	level := paddockv1.AccessRule_LEVEL_USER
	if r.Public {
		level = paddockv1.AccessRule_LEVEL_PUBLIC
	}
	return entrance{
		method:  method{name: strings.TrimSpace(r.Method + " " + r.Pattern), rule: &paddockv1.AccessRule{Level: level}, streams: r.Model},
		maxBody: r.MaxBody,
		limited: limited,
		basic:   true,
		refuse: func(w http.ResponseWriter, req *http.Request, told *connect.Error) {
			gateway.WriteError(w, req, r.Dialect, told)
		},
		checkFraming: func(req *http.Request) error {
			if !isDecoded(req.Header.Get("Content-Encoding")) {
				return errCoding
			}
			return nil
		},
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
