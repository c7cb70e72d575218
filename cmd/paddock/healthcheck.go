package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"
)

// direct asks a server on this machine, to which no proxy leads.
var direct = &http.Client{Transport: &http.Transport{}}

// healthcheck succeeds when the server on this machine answers /healthz within two seconds.
func healthcheck(ctx context.Context, p program) int {
	cfg, ok := configure(p)
	if !ok {
		return exitUsage
	}
	host, port, err := net.SplitHostPort(cfg.ListenAddr)
	if err != nil {
		return fail(p, err)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/healthz", http.NoBody)
	if err != nil {
		return fail(p, err)
	}
	res, err := direct.Do(req)
	if err != nil {
		return fail(p, err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fail(p, fmt.Errorf("/healthz answered %s", res.Status))
	}
	return exitOK
}
