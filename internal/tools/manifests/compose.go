package main

import (
	"context"

	"github.com/compose-spec/compose-go/v2/cli"
)

// compose returns a project as `docker compose` reads it: the services of the profiles, with the variables of its environment filled in.
func compose(ctx context.Context, file string, profiles []string) (any, error) {
	options, err := cli.NewProjectOptions([]string{file}, cli.WithOsEnv, cli.WithProfiles(profiles), cli.WithConsistency(true))
	if err != nil {
		return nil, err
	}
	return options.LoadProject(ctx)
}
