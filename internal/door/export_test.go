package door

import "time"

// ShortenBodyIdle makes how long a body may stand still shorter, for tests.
func ShortenBodyIdle(d time.Duration) { bodyIdle = d }
