package config

import (
	"net"
	"slices"
	"unicode/utf8"
)

// owaspLeastMemoryKiB is the least Argon2id memory among OWASP's equivalent settings (Password Storage Cheat Sheet).
const owaspLeastMemoryKiB = 7168

// draft is a Config being read: beside it the values that decide a setting only together with others, and what was
// found wrong. A field whose variable was faulty keeps its zero value.
type draft struct {
	Config

	db          databaseSettings
	autoMigrate *bool
	otel        otelSettings

	faults Faults
}

// fault records the first thing that is wrong with a variable.
func (d *draft) fault(variable, problem string) {
	if slices.ContainsFunc(d.faults, func(f Fault) bool { return f.Variable == variable }) {
		return
	}
	d.faults = append(d.faults, Fault{Variable: variable, Problem: problem})
}

// sortedFaults puts the faults into the order of the table, where an operator looks the variables up.
func (d *draft) sortedFaults() Faults {
	place := make(map[string]int)
	for i, v := range d.variables() {
		place[v.name] = i
	}
	slices.SortStableFunc(d.faults, func(a, b Fault) int { return place[a.Variable] - place[b.Variable] })
	return d.faults
}

// resolve settles what several variables decide together.
func (d *draft) resolve() {
	d.Database = d.db.resolve(d.DataDir)
	d.AutoMigrate = d.Database.Driver == SQLite
	if d.autoMigrate != nil {
		d.AutoMigrate = *d.autoMigrate
	}
	d.Tracing = d.otel.on()
}

// check finds the faults that no variable shows by itself.
func (d *draft) check() {
	if d.Environment == Prod {
		d.checkProd()
	}
	if d.Tracing {
		d.checkTracing()
	}
	d.checkSecret("JWT_SECRET", d.Tokens.Secret)
	d.checkSecret("JWT_SECRET_PREVIOUS", d.Tokens.PreviousSecret)
	if overlap(d.ListenAddr, d.MetricsAddr) {
		d.fault("METRICS_ADDR", "must not be the same port as LISTEN_ADDR")
	}
	if d.Argon2.MemoryKiB > 0 && d.Argon2.MemoryKiB < 8*uint32(d.Argon2.Parallelism) {
		d.fault("ARGON2_MEMORY_KIB", "must be at least 8 times ARGON2_PARALLELISM")
	}
}

// checkProd finds what is only fit for one's own machine.
func (d *draft) checkProd() {
	if d.Tokens.Secret == "" {
		d.fault("JWT_SECRET", "must be set in prod; `openssl rand -hex 32` makes one")
	}
	if slices.Contains(d.CORSAllowedOrigins, "*") {
		d.fault("CORS_ALLOWED_ORIGINS", "must not be * in prod")
	}
	password := d.Bootstrap.Password.Reveal()
	if password != "" && utf8.RuneCountInString(password) < d.PasswordMinLength {
		d.fault("ADMIN_BOOTSTRAP_PASSWORD", "must have at least PASSWORD_MIN_LENGTH characters in prod")
	}
	if d.Argon2.MemoryKiB > 0 && d.Argon2.MemoryKiB < owaspLeastMemoryKiB {
		d.fault("ARGON2_MEMORY_KIB", "must be at least 7168 in prod")
	}
}

// checkSecret holds a signing secret against its algorithm and, in prod, against what others could guess.
func (d *draft) checkSecret(variable string, s Secret) {
	if s == "" {
		return
	}
	switch least := leastSecretBytes(d.Tokens.Algorithm); {
	case len(s) < least:
		d.fault(variable, tooShort(least))
	case d.Environment == Prod && guessable(s.Reveal()):
		d.fault(variable, "must be random, not a sample or a pattern, in prod")
	}
}

// overlap tells whether two listeners would fight over one port. Port 0 is a different one each time.
func overlap(a, b string) bool {
	hostA, portA, errA := net.SplitHostPort(a)
	hostB, portB, errB := net.SplitHostPort(b)
	if errA != nil || errB != nil || portA != portB || portA == "0" {
		return false
	}
	return hostA == hostB || hostA == "" || hostB == ""
}
