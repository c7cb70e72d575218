package door

import (
	"testing"
	"time"
)

// CheckHolds is how old a verdict on the caller may be.
const CheckHolds = checkHolds

// SetBodyIdle sets how long a body may stand still, for a test that starts a server.
func SetBodyIdle(t *testing.T, d time.Duration) {
	t.Helper()
	old := bodyIdle
	bodyIdle = d
	t.Cleanup(func() { bodyIdle = old })
}
