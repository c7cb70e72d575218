// Command paddock is the gate in front of an organisation's Ollama servers: accounts, API keys, roles, limits and an
// audit trail, on one port.
//
// Its commands stand in help.go. It is configured by its environment alone. Exit codes: 0 all went well, 1 something
// failed, 2 the command line or the configuration is wrong, and then nothing was touched.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/paddock-gate/paddock/internal/version"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	// The first signal asks for an orderly end; after it the second one has its usual effect.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], program{getenv: os.Getenv, environ: os.Environ(), stdout: os.Stdout, stderr: os.Stderr}))
}

const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// program is what a command is given.
type program struct {
	args           []string
	getenv         func(string) string
	environ        []string // all of the environment, as os.Environ returns it
	stdout, stderr io.Writer
}

// run runs the command that args name; of p it sets the args.
func run(ctx context.Context, args []string, p program) int {
	commands := map[string]func(context.Context, program) int{
		"serve":       serve,
		"dev":         dev,
		"migrate":     migrateCommand,
		"seed":        seed,
		"admin":       admin,
		"audit":       auditCommand,
		"backup":      backupCommand,
		"restore":     restoreCommand,
		"copy":        copyCommand,
		"healthcheck": healthcheck,
		"check":       checkCommand,
		hashCommand:   hashPasswords,
		"version":     printVersion,
		"--version":   printVersion,
		"help":        help,
		"--help":      help,
		"-h":          help,
	}
	if len(args) == 0 {
		args = []string{"help"}
	}
	command, ok := commands[args[0]]
	if !ok {
		fmt.Fprintf(p.stderr, "paddock: no such command %q; see paddock help\n", args[0])
		return exitUsage
	}
	name, args := args[0], args[1:]
	switch {
	case slices.ContainsFunc(args, isHelp):
		command = help
	case name == "help" && len(args) == 1 && commands[args[0]] != nil:
	case len(args) > 0 && !slices.Contains([]string{"dev", "migrate", "check", "admin", "audit", "backup", "restore", "copy"}, name):
		fmt.Fprintf(p.stderr, "paddock: %s takes no arguments: it is configured by its environment; see paddock help\n", name)
		return exitUsage
	}
	p.args = args
	return command(ctx, p)
}

func isHelp(arg string) bool { return arg == "--help" || arg == "-h" }

func printVersion(_ context.Context, p program) int {
	fmt.Fprintln(p.stdout, "paddock", version.String())
	return exitOK
}
