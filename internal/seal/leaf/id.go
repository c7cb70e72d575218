package leaf

import (
	"bytes"
	"time"

	"github.com/google/uuid"
)

// IDVersion is the version of the ids of entries, which have the time in them.
const IDVersion uuid.Version = 7

// IsBefore reports whether the id was made before the time, which may be the zero one.
func IsBefore(id uuid.UUID, t time.Time) bool {
	return id.Version() == IDVersion && time.Unix(id.Time().UnixTime()).Before(t)
}

// Age returns how long ago the entry of the id was written; 0 if the id does not say.
func Age(id uuid.UUID) time.Duration {
	if id.Version() != IDVersion {
		return 0
	}
	return max(time.Since(time.Unix(id.Time().UnixTime())), 0)
}

// CompareIDs returns how the ids sort, which both databases do the same.
func CompareIDs(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) }
