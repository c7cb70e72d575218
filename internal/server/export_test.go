package server

import (
	"time"

	"github.com/paddock-gate/paddock/internal/ops"
)

// ShortenLimits makes what takes seconds by design take less, for tests.
func ShortenLimits(drain, write, body time.Duration) {
	drainLimit, ops.WriteIdle, bodyIdle = drain, write, body
}
