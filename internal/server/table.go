package server

import (
	"net/http"
	"strings"

	"connectrpc.com/connect"

	"github.com/paddock-gate/paddock/internal/door"
	"github.com/paddock-gate/paddock/internal/gateway"
)

// table adds each kind of handler to a mux.
type table struct {
	*http.ServeMux
	door    *door.Door
	methods []door.Method
	errors  *connect.ErrorWriter
}

// rpc adds a service whose methods the door guards.
func (t *table) rpc(maxBody int64, limited bool) func(prefix string, handler http.Handler) {
	return t.growing(maxBody, 1, limited)
}

// growing is rpc for messages that take growth times as much memory once they are decoded.
func (t *table) growing(maxBody int64, growth int, limited bool) func(prefix string, handler http.Handler) {
	return func(prefix string, handler http.Handler) {
		for _, m := range t.methods {
			if "/"+string(m.Service)+"/" == prefix {
				t.Handle(m.Procedure, t.door.Guard(door.Endpoint{
					Method: m, MaxBody: maxBody, Growth: growth, Limited: limited, Refuse: t.refuse, CheckFraming: door.CheckFraming,
				}, handler))
			}
		}
	}
}

func (t *table) refuse(w http.ResponseWriter, r *http.Request, err *connect.Error) {
	_ = t.errors.Write(w, r, err) // the client has gone
}

// stock adds routes of stock clients, which the door guards, too.
func (t *table) stock(routes []gateway.Route) {
	for _, r := range routes {
		t.Handle(strings.TrimSpace(r.Method+" "+r.Pattern), t.door.Guard(gatewayEndpoint(r), r.Handler))
	}
}

// public adds a service that needs no credential.
func (t *table) public(prefix string, handler http.Handler) {
	t.Handle(prefix, door.LimitBody(authBody, handler))
}
