// Package period keeps what users have used, and have reserved, of the days and months that their token quotas are for.
package period

import (
	"time"

	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/internal/caller"
)

// Names returns the day and the month of a time, UTC, as UsagePeriod keeps them.
func Names(t time.Time) (day, month string) {
	day = t.UTC().Format(time.DateOnly)
	return day, day[:len("2006-01")]
}

// ID is the key of a user's UsagePeriod.
func ID(user uuid.UUID, period string) string { return user.String() + "/" + period }

// Resets is when the period of t that follows is the next one's.
func Resets(t time.Time, monthly bool) time.Time {
	year, month, day := t.UTC().Date()
	if monthly {
		return time.Date(year, month+1, 1, 0, 0, 0, 0, time.UTC)
	}
	return time.Date(year, month, day+1, 0, 0, 0, 0, time.UTC)
}

// Limits are what holds for a user; nil is no limit.
type Limits struct{ Day, Month *int64 }

// None reports whether there is no limit.
func (l Limits) None() bool { return l.Day == nil && l.Month == nil }

// LimitsOf returns the limits of a user's own quota, and for what that leaves open those of the fallback.
func LimitsOf(own, fallback caller.Quota) Limits {
	return Limits{Day: or(own.TokensPerDay, fallback.TokensPerDay), Month: or(own.TokensPerMonth, fallback.TokensPerMonth)}
}

func or[T any](own, fallback *T) *T {
	if own != nil {
		return own
	}
	return fallback
}
