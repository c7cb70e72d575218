package main

import (
	"context"
	"runtime/debug"

	"github.com/paddock-gate/paddock/internal/server"
)

// garbagePercent is GOGC where the environment sets none. Prompts and answers are large beside all that stays: with Go's
// own 100, a call with a prompt of 256 kB takes 1.4 times the CPU.
const garbagePercent = 200

func serve(ctx context.Context, p program) int {
	if p.getenv("GOGC") == "" {
		debug.SetGCPercent(garbagePercent)
	}
	cfg, ok := configure(p)
	if !ok {
		return exitUsage
	}
	listener, err := listen(ctx, cfg)
	if err != nil {
		return fail(p, err)
	}
	defer listener.Close()
	a, err := open(ctx, cfg, p.stderr)
	if err != nil {
		return fail(p, err)
	}
	defer a.close()
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
	a.log.Info("serving", "addr", listener.Addr().String(), "version", versionText(), "database", string(cfg.Database.Driver))
	debug.FreeOSMemory() // what the start has needed: a hash of the first admin's password alone takes 19 MiB
	if err := srv.Run(ctx, listener); err != nil {
		return fail(p, err)
	}
	a.log.Info("stopped")
	return exitOK
}
