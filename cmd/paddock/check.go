package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"time"

	"github.com/paddock-gate/paddock/internal/check"
	"github.com/paddock-gate/paddock/internal/config"
)

// checkCommand runs the list of a running server, or with --config that of this environment.
func checkCommand(ctx context.Context, p program) int {
	target := check.Target{}
	flags := flag.NewFlagSet("paddock check", flag.ContinueOnError)
	flags.SetOutput(p.stderr)
	ofConfig := flags.Bool("config", false, "check this environment and what it names, before a deployment")
	flags.StringVar(&target.Email, "email", cmp.Or(p.getenv("PADDOCK_CHECK_EMAIL"), "admin@example.com"), "the admin who signs in")
	flags.StringVar(&target.Version, "version", "", "the version that must run, as paddock version prints it")
	flags.StringVar(&target.ChatModel, "chat-model", "", "model to chat with; the server's default unless set")
	flags.StringVar(&target.EmbedModel, "embed-model", "", "model to embed with; the server's default unless set")
	flags.DurationVar(&target.Timeout, "timeout", 2*time.Minute, "longest wait for each check")
	urls, err := parseAround(flags, p.args)
	switch {
	case err != nil:
		return exitUsage
	case *ofConfig && len(urls) > 0 || !*ofConfig && len(urls) != 1 || target.Timeout <= 0:
		fmt.Fprintln(p.stderr, "usage: paddock check [--email …] [--version …] [--chat-model …] [--embed-model …] [--timeout …] URL\n       paddock check --config")
		return exitUsage
	case *ofConfig:
		return checkConfig(ctx, p)
	}
	if target.URL, err = check.ParseURL(urls[0]); err == nil {
		err = signIn(p, &target)
	}
	if err != nil {
		fmt.Fprintf(p.stderr, "paddock: %v\n", err)
		return exitUsage
	}
	if !check.Server(ctx, p.stdout, target) {
		return exitFailed
	}
	return exitOK
}

// parseAround parses flags before and after the other arguments, and returns those.
func parseAround(flags *flag.FlagSet, args []string) (others []string, err error) {
	for {
		if err := flags.Parse(args); err != nil || flags.NArg() == 0 {
			return others, err
		}
		others, args = append(others, flags.Arg(0)), flags.Args()[1:]
	}
}

// signIn sets what the target is signed in to with. There is no flag for it: other users of a machine can see those.
func signIn(p program, target *check.Target) error {
	for variable, field := range map[string]*string{"PADDOCK_CHECK_TOKEN": &target.Token, "PADDOCK_CHECK_PASSWORD": &target.Password} {
		s, fromFile, err := config.LookupSecret(p.getenv, variable)
		if err != nil && fromFile {
			variable += "_FILE"
		}
		if err != nil {
			return fmt.Errorf("%s: %w", variable, err)
		}
		*field = s.Reveal()
	}
	if target.Token+target.Password == "" {
		return fmt.Errorf("set PADDOCK_CHECK_PASSWORD, that of %s, or PADDOCK_CHECK_TOKEN, an admin's API key", target.Email)
	}
	return nil
}

func checkConfig(ctx context.Context, p program) int {
	cfg, err := config.Load(p.getenv, checkDatabase(p.getenv), checkModels, checkBootstrap)
	if !check.Config(ctx, p.stdout, cfg, err, config.FindUnknown(p.environ)) {
		return exitFailed
	}
	return exitOK
}
