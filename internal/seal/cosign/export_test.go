package cosign

import (
	"context"
	"log/slog"
)

// CosignAndLog is cosignAndLog with a logger, for tests.
func CosignAndLog(ctx context.Context, c *Cosigner, logger *slog.Logger) {
	c.logger = logger
	c.cosignAndLog(ctx)
}
