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

// Version returns the version of a healthy server, "0.17.4", as it was some seconds
// ago; while none answers, the last one known.
func (p *Pool) Version(ctx context.Context) (string, error) {
	if version, known, _ := p.version.last(); known {
		return version, nil
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	if err := p.version.renew(ctx, versionPause); err != nil {
		return "", err
	}
	version, known, err := p.version.last()
	if known {
		err = nil
	}
	return version, err
}

// askVersion asks one server after the other, the unhealthy ones last.
func (p *Pool) askVersion(ctx context.Context) (string, error) {
	byHealth := slices.SortedStableFunc(slices.Values(p.servers), func(a, b *server) int {
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
