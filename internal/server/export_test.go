package server

import "time"

// ShortenLimits makes what takes seconds by design take less, for tests.
func ShortenLimits(drain time.Duration) { drainLimit = drain }
