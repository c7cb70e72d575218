package server

import (
	"testing"
	"time"
)

// SetCloseLimit sets how long connections without a call may take to end, for a test that ends a server.
func SetCloseLimit(t *testing.T, limit time.Duration) {
	t.Helper()
	old := closeLimit
	closeLimit = limit
	t.Cleanup(func() { closeLimit = old })
}
