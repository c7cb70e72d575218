package main

import (
	"context"
	"runtime"
	"runtime/debug"

	"github.com/paddock-gate/paddock/internal/server"
)

// ballast is memory that is never touched, and so takes none. To the garbage collector it is as good as used: it begins when
// there is as much garbage again, and not after every few prompts, which are large beside all that stays.
const ballast = 32 << 20

func serve(ctx context.Context, p program) int {
	if p.getenv("GOGC") == "" { // who sets it has plans of their own
		defer runtime.KeepAlive(make([]byte, ballast))
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
