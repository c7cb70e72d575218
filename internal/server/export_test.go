package server

import (
	"testing"
	"time"
)

// SetLimits sets how long the end of a server takes at most, for a test that starts one.
func SetLimits(t *testing.T, drain, closing time.Duration) {
	t.Helper()
	oldDrain, oldClosing := drainLimit, closeLimit
	drainLimit, closeLimit = drain, closing
	t.Cleanup(func() { drainLimit, closeLimit = oldDrain, oldClosing })
}
