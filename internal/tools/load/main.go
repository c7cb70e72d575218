// Command load puts a bounded load on a Paddock server, as people and programs do who sign in, look around and make API
// keys, and holds how long their calls took against what is promised:
//
//	PADDOCK_API_KEY=pdk_… go run ./internal/tools/load http://127.0.0.1:8080
//
// The key is an admin's. The command makes users of its own, whom it deletes at the end; their entries stay in the audit
// trail. It calls no model. It is for a server on this machine or for staging: other hosts than loopback must be named a
// second time, with -host.
//
// Exit codes: 0 every promise was kept, 1 one was not, or a call failed, 2 the command line is wrong, and then nothing was
// called.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

const (
	exitOK     = 0
	exitMissed = 1
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	// The first signal asks for an orderly end; after it the second one has its usual effect.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	o, err := parse(args, getenv, stderr)
	if err != nil {
		fmt.Fprintln(stderr, "load:", err)
		return exitUsage
	}
	result, err := measure(ctx, o, stderr)
	if err != nil {
		fmt.Fprintln(stderr, "load:", err)
		return exitMissed
	}
	if !result.print(stdout) {
		return exitMissed
	}
	return exitOK
}

// measure makes the users, has them make their calls, and deletes them, also after it was interrupted.
func measure(ctx context.Context, o options, progress io.Writer) (*results, error) {
	s := newServer(o.url, o.atOnce)
	admin, err := findAdmin(ctx, s, o.key)
	if err != nil {
		return nil, err
	}
	if err := admin.fill(ctx, o.fill, progress); err != nil {
		return nil, err
	}
	fmt.Fprintf(progress, "making %d users\n", o.atOnce)
	people, err := admin.makePeople(ctx, o.atOnce)
	defer func() {
		fmt.Fprintf(progress, "deleting %d users\n", len(people))
		if err := admin.deletePeople(context.WithoutCancel(ctx), people); err != nil {
			fmt.Fprintln(progress, "load: delete the users load-…@example.com yourself:", err)
		}
	}()
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(progress, "calling %s for %v\n", o.url, o.duration)
	r := &results{server: o.url, rate: o.rate, atOnce: o.atOnce, calls: map[string]*tally{}}
	started := time.Now()
	load(ctx, o, r, admin, people)
	r.took = time.Since(started)
	return r, nil
}
