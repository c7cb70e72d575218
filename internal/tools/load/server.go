package main

import (
	"context"
	"net/http"
	"time"

	"connectrpc.com/connect"

	"github.com/paddock-gate/paddock/internal/gen/paddock/v1/paddockv1connect"
)

// callTime bounds a call.
const callTime = 10 * time.Second

// server is the one under load.
type server struct {
	http *http.Client
	url  string
}

func newServer(url string, atOnce int) *server {
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: atOnce}
	return &server{http: &http.Client{Transport: transport, Timeout: callTime}, url: url}
}

// clients are the services that are called, as one caller.
type clients struct {
	auth        paddockv1connect.AuthServiceClient
	users       paddockv1connect.UserServiceClient
	credentials paddockv1connect.CredentialServiceClient
	audit       paddockv1connect.AuditServiceClient
	usage       paddockv1connect.UsageServiceClient
}

// as returns clients that carry the access token or API key; "" carries nothing.
func (s *server) as(credential string) *clients {
	bearer := connect.WithInterceptors(connect.UnaryInterceptorFunc(func(next connect.UnaryFunc) connect.UnaryFunc {
		return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
			if credential != "" {
				req.Header().Set("Authorization", "Bearer "+credential)
			}
			req.Header().Set("User-Agent", "paddock load")
			return next(ctx, req)
		}
	}))
	return &clients{
		auth:        paddockv1connect.NewAuthServiceClient(s.http, s.url, bearer),
		users:       paddockv1connect.NewUserServiceClient(s.http, s.url, bearer),
		credentials: paddockv1connect.NewCredentialServiceClient(s.http, s.url, bearer),
		audit:       paddockv1connect.NewAuditServiceClient(s.http, s.url, bearer),
		usage:       paddockv1connect.NewUsageServiceClient(s.http, s.url, bearer),
	}
}
