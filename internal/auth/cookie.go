package auth

import (
	"context"
	"net/http"
	"time"

	"connectrpc.com/connect"

	"github.com/paddock-gate/paddock/internal/caller"
)

// The refresh cookie's names: with TLS the prefix makes browsers insist on Secure, Path=/ and no Domain.
const (
	refreshCookie       = "paddock_refresh"
	secureRefreshCookie = "__Host-" + refreshCookie
)

// For pages of other origins the cookie is neither read nor set nor deleted. SameSite alone does not ensure that, since all
// ports of a host are one site.

// setRefreshCookie sets the cookie in the call's answer; an empty token deletes it.
func setRefreshCookie(ctx context.Context, token string, expires time.Time) {
	info, ok := connect.CallInfoForHandlerContext(ctx)
	if !ok || caller.From(ctx).CrossOrigin {
		return
	}
	c := &http.Cookie{
		Name: refreshCookie, Value: token, Path: "/", Expires: expires, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	}
	if caller.From(ctx).TLS {
		c.Name, c.Secure = secureRefreshCookie, true
	}
	if token == "" {
		c.MaxAge = -1
	}
	info.ResponseHeader().Add("Set-Cookie", c.String())
}

// refreshFromCookie returns the refresh token in the call's cookie, or "".
func refreshFromCookie(ctx context.Context) string {
	info, ok := connect.CallInfoForHandlerContext(ctx)
	if !ok || caller.From(ctx).CrossOrigin {
		return ""
	}
	name := refreshCookie
	if caller.From(ctx).TLS {
		name = secureRefreshCookie
	}
	c, err := (&http.Request{Header: info.RequestHeader()}).Cookie(name)
	if err != nil {
		return ""
	}
	return c.Value
}
