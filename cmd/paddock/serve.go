package main

import (
	"context"
	"runtime/debug"

	"github.com/paddock-gate/paddock/internal/server"
	"github.com/paddock-gate/paddock/internal/version"
)

// gcPercent lets the garbage collector wait for more than the few prompts that are large beside all that stays.
const gcPercent = 800

func serve(ctx context.Context, p program) int {
	cfg, ok := configure(p)
	if !ok {
		return exitUsage
	}
	if p.getenv("GOGC") == "" { // respects an explicit one
		debug.SetGCPercent(gcPercent)
	}
	if p.getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(server.MemoryLimit(cfg.MaxModelBody))
	}
	listener, err := listen(ctx, cfg)
	if err != nil {
		return fail(p, err)
	}
	defer listener.Close()
	ready, giveUp := server.AnswerStarting(ctx, listener)
	defer giveUp()
	a, err := open(ctx, cfg, p)
	if err != nil {
		return fail(p, err)
	}
	defer a.close()
	defer a.hashApart(ctx)()
	if err := a.prepare(ctx); err != nil {
		return fail(p, err)
	}
	// An installation without any user is new: nobody could sign in to make the first one. In an older one the first admin
	// may have been deleted, and is made again only by force.
	exists, err := a.store.User.Query().Exist(ctx)
	if err != nil {
		return fail(p, err)
	}
	if !exists || cfg.Bootstrap.Force {
		if _, err := a.seed(ctx, p.stdout); err != nil {
			return fail(p, err)
		}
	}
	srv, err := a.server(ctx, server.Options{})
	if err != nil {
		return fail(p, err)
	}
	ready(srv.Continue())
	a.log.Info("serving", "addr", listener.Addr().String(), "version", version.String(), "database", string(cfg.Database.Driver))
	debug.FreeOSMemory() // what the start has needed: a hash of the first admin's password alone takes 19 MiB
	if err := srv.Run(ctx, listener); err != nil {
		return fail(p, err)
	}
	a.log.Info("stopped")
	return exitOK
}
