// Package check runs two lists: what must hold before a deployment, of a configuration and of what it names, and what must work
// after it, of a running server. Each check is one line.
package check

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
)

// result is what became of a check.
type result string

const (
	pass result = "ok"
	warn result = "warn" // nothing is wrong, but something may not be meant
	fail result = "FAIL"
	skip result = "skip" // not done, since one that it needs has failed
)

// warning is an error that does not fail the list.
type warning string

func (w warning) Error() string { return string(w) }

// step is one check. Run returns what was found, or an error that says what is wrong.
type step struct {
	name  string
	needs string // the step that must have passed; "" for none
	run   func(ctx context.Context) (found string, err error)
}

// report writes one line for each check.
type report struct {
	out     io.Writer
	secrets []string // what must not be printed, whoever says it
	results map[string]result
}

// runAll runs the steps in order, each for at most the timeout, and reports whether none has failed.
func (r *report) runAll(ctx context.Context, timeout time.Duration, steps []step) bool {
	r.results = map[string]result{}
	count := map[result]int{}
	for _, s := range steps {
		res, text := skip, "needs "+s.needs
		if needed := r.results[s.needs]; s.needs == "" || needed == pass || needed == warn {
			res, text = r.run(ctx, timeout, s)
		}
		r.results[s.name] = res
		count[res]++
		fmt.Fprintf(r.out, "%-4s  %-12s  %s\n", res, s.name, r.plain(text))
	}
	fmt.Fprintf(r.out, "%d ok, %d failed", count[pass], count[fail])
	for _, res := range []result{warn, skip} {
		if count[res] > 0 {
			fmt.Fprintf(r.out, ", %d %s", count[res], map[result]string{warn: "to look at", skip: "skipped"}[res])
		}
	}
	fmt.Fprintln(r.out)
	return count[fail]+count[skip] == 0
}

// run runs one step.
func (r *report) run(ctx context.Context, timeout time.Duration, s step) (result, string) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	began := time.Now()
	found, err := s.run(ctx)
	var w warning
	switch {
	case errors.As(err, &w):
		return warn, w.Error()
	case err != nil && ctx.Err() == context.DeadlineExceeded:
		return fail, fmt.Sprintf("no answer within %s: %v", timeout, err)
	case err != nil:
		return fail, err.Error()
	}
	if took := time.Since(began).Round(time.Millisecond); took > 0 {
		found += fmt.Sprintf(" (%s)", took)
	}
	return pass, found
}

// minRedacted is the length from which on a secret is left out of lines. Shorter ones are words, which stand in them anyway.
const minRedacted = 8

// maxText is how many characters of a line are kept: a server's own words may be many.
const maxText = 500

// plain returns the text in one line, without secrets and control characters.
func (r *report) plain(text string) string {
	for _, s := range r.secrets {
		if len(s) >= minRedacted {
			text = strings.ReplaceAll(text, s, "[redacted]")
		}
	}
	text = strings.Map(func(c rune) rune {
		if unicode.IsControl(c) {
			return ' '
		}
		return c
	}, text)
	if runes := []rune(text); len(runes) > maxText {
		text = string(runes[:maxText]) + "…"
	}
	return text
}
