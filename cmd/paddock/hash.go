package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/paddock-gate/paddock/internal/secret"
)

// hashCommand is the command that serve starts, and nobody else.
const hashCommand = "hash-passwords"

// hashApart has another process of this program hash passwords, at low priority, until stop is called.
func (a *app) hashApart(ctx context.Context) (stop func()) {
	return a.hasher.HashApart(ctx, func(ctx context.Context) *exec.Cmd {
		cmd := exec.CommandContext(ctx, executable(), hashCommand) //nolint:gosec // this program
		cmd.Args[0] = "paddock"
		return cmd
	}, a.log)
}

// executable returns where this program is; on Linux also when its file was replaced since, which has another version.
func executable() string {
	if runtime.GOOS == "linux" {
		return "/proc/self/exe"
	}
	path, _ := os.Executable()
	return path
}

// hashPasswords serves serve. It ends when that closes its input, or ends itself.
func hashPasswords(_ context.Context, p program) int {
	if isTerminal(os.Stdin) {
		fmt.Fprintf(p.stderr, "paddock: %s is for paddock serve, which starts it\n", hashCommand)
		return exitUsage
	}
	signal.Ignore(syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM) // all processes of a service get them, and serve still has sign-ins to answer
	secret.LowerPriority()
	if err := secret.ServeHashes(os.Stdin, p.stdout); err != nil {
		return fail(p, err)
	}
	return exitOK
}
