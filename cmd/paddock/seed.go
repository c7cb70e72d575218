package main

import "context"

// seed prints nothing but the lines of what it newly made to standard output.
func seed(ctx context.Context, p program) int {
	cfg, ok := configure(p)
	if !ok {
		return exitUsage
	}
	a, err := open(ctx, cfg, p)
	if err != nil {
		return fail(p, err)
	}
	defer a.close()
	if err := a.prepare(ctx); err != nil {
		return fail(p, err)
	}
	if _, err := a.seed(ctx, p.stdout); err != nil {
		return fail(p, err)
	}
	return exitOK
}
