package server

import "time"

// ShortenLimits makes what takes seconds by design take less, for tests.
func ShortenLimits(drain, write, body time.Duration) {
	drainLimit, writeIdle, bodyIdle = drain, write, body
}
