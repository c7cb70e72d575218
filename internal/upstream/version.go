package upstream

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/paddock-gate/paddock/internal/ollama"
)

const (
	versionFreshFor = 5 * time.Second
	// versionPause is between two questions while no version is known: clients
	// ask for it before they show a key.
	versionPause = time.Second
)

// Version gives the version of a healthy upstream, "0.17.4", as it was some
// seconds ago; while none answers, the last one known.
func (c *Pool) Version(ctx context.Context) (string, error) {
	if version, known := c.version.last(); known {
		return version, nil
	}
	return c.version.newest(ctx, versionPause)
}

// askVersion asks one server after the other, those in doubt last.
func (c *Pool) askVersion(ctx context.Context) (string, error) {
	byHealth := slices.SortedStableFunc(slices.Values(c.servers), func(a, b *server) int {
		return int(a.health.State()) - int(b.health.State())
	})
	var err error
	for _, s := range byHealth {
		var version string
		if version, err = s.version(ctx); err == nil {
			return version, nil
		}
	}
	return "", err
}

func (s *server) version(ctx context.Context) (string, error) {
	var answer struct {
		Version string `json:"version"`
	}
	err := s.metadata(ctx, "api/version", nil, &answer)
	if err == nil && answer.Version == "" {
		err = ollama.ErrNonsense.WithCause(errors.New("no version"))
	}
	return answer.Version, err
}
