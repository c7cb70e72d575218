package config

import "strings"

// Fault is one thing wrong with the configuration. It names the variable and says what is expected, never what it held:
// values end up in logs, and some are secrets.
type Fault struct {
	// Variable is the name of the environment variable, e.g. "DB_PORT".
	Variable string
	// Problem is a sentence without its subject, e.g. "must be a whole number from 1 to 65535".
	Problem string
}

// String returns the fault on one line, without a line break.
func (f Fault) String() string { return f.Variable + ": " + f.Problem }

// Faults is all that is wrong with a configuration as an error: one for each faulty variable, in the order of Vars.
type Faults []Fault

// Error returns one line for each fault.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, fault := range f {
		lines[i] = fault.String()
	}
	return strings.Join(lines, "\n")
}
