package config

import "time"

// Retain is how long rows stay that nothing needs any more; 0 is for ever.
type Retain struct {
	Usage time.Duration `env:"RETAIN_USAGE" default:"400d" min:"0s" help:"how long the record of each model call is kept, at least 2d; the sums of its day stay; 0: for ever"`
	Keys  time.Duration `env:"RETAIN_KEYS" default:"90d" min:"0s" help:"how long API keys are kept that were revoked or have expired, at least 2d; 0: for ever"`
	Audit time.Duration `env:"RETAIN_AUDIT" default:"0" min:"0s" help:"how long audit entries are kept that paddock audit archive has put into a file, at least 30d; 0: for ever, as are all others"`
}

// leastRetained is longer than a call, and a retry of one, may refer to a row.
const leastRetained = 48 * time.Hour

// LeastAudit is how long every audit entry is kept, as the database's triggers have it, too.
const LeastAudit = 30 * 24 * time.Hour

// UsageSince returns when the first day (UTC) began of which all usage records are kept at now; the zero time if all are for ever.
func (r Retain) UsageSince(now time.Time) time.Time {
	if r.Usage == 0 {
		return time.Time{}
	}
	return now.Add(-r.Usage).UTC().Truncate(24 * time.Hour)
}

// KeysSince returns since when keys have ended that are kept at now; the zero time if all are for ever.
func (r Retain) KeysSince(now time.Time) time.Time {
	if r.Keys == 0 {
		return time.Time{}
	}
	return now.Add(-r.Keys)
}

// AuditSince returns when the first day (UTC) began of which all audit entries are kept at now; the zero time if all are for ever.
func (r Retain) AuditSince(now time.Time) time.Time {
	if r.Audit == 0 {
		return time.Time{}
	}
	return now.Add(-r.Audit).UTC().Truncate(24 * time.Hour)
}

func (d *draft) checkRetain() {
	const problem = "must be 0, or at least 2d"
	d.require("RETAIN_USAGE", d.Retain.Usage == 0 || d.Retain.Usage >= leastRetained, problem)
	d.require("RETAIN_KEYS", d.Retain.Keys == 0 || d.Retain.Keys >= leastRetained, problem)
	d.require("RETAIN_AUDIT", d.Retain.Audit == 0 || d.Retain.Audit >= LeastAudit, "must be 0, or at least 30d")
}
