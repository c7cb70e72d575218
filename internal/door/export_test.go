package door

import (
	"testing"
	"time"
)

// RecheckAfter is how old a check of the caller may be.
const RecheckAfter = recheckAfter

// SetBodyIdle sets how long reading a body may wait, for a test that starts a server.
func SetBodyIdle(t *testing.T, d time.Duration) {
	t.Helper()
	old := bodyIdle
	bodyIdle = d
	t.Cleanup(func() { bodyIdle = old })
}
