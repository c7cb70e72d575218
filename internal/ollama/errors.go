package ollama

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"
)

// Kinds of Error, to be asked for with errors.Is.
var (
	// ErrUnavailable: the server cannot be reached, does not answer in time,
	// went away in mid-answer, or has no room. Asking again later may help.
	ErrUnavailable = errors.New("upstream unavailable")
	// ErrModelNotFound: the server does not hold the model.
	ErrModelNotFound = errors.New("model not found")
	// ErrNotServed: the server does not have the route, as an old Ollama does not
	// have all of them.
	ErrNotServed = errors.New("route not served")
	// ErrBadRequest: the request cannot be served as it is, now or later.
	ErrBadRequest = errors.New("bad request")
	// ErrRemote: the model runs on other machines than the servers', which
	// is not allowed. Nothing has been sent to any.
	ErrRemote = errors.New("remote model")
	// ErrNotRead: the client took nothing of the answer for too long.
	ErrNotRead = errors.New("answer not read")
	// ErrFailed: the server was reached, and failed or answered nonsense.
	ErrFailed = errors.New("upstream failed")
)

// What is wrong with an answer, for those who read a relayed one themselves.
var (
	ErrNonsense   = &Error{Kind: ErrFailed, Message: messageNonsense}
	ErrUnfinished = &Error{Kind: ErrFailed, Message: messageUnfinished}
	ErrUnread     = &Error{Kind: ErrNotRead, Message: messageUnread}
	errBrokenOff  = &Error{Kind: ErrUnavailable, Message: messageBrokenOff, RetryAfter: retryAfter}
)

// Why a call got no answer.
var (
	ErrUnreachable = &Error{Kind: ErrUnavailable, Message: messageUnreachable, RetryAfter: retryAfter}
	ErrTimeout     = &Error{Kind: ErrUnavailable, Message: messageSilent, RetryAfter: retryAfter}
	ErrBusy        = &Error{Kind: ErrUnavailable, Message: messageBusy, RetryAfter: retryAfter}
	ErrUnlisted    = &Error{Kind: ErrUnavailable, Message: messageUnlisted, RetryAfter: retryAfter}
	ErrModelRemote = &Error{Kind: ErrRemote, Message: messageRemote}
)

// Error is how every call of this package fails, except when the caller's own
// context ended: then the error is that context's. What it was made from is
// told in its text but not unwrapped: a dial time-out is a
// context.DeadlineExceeded too, and nobody shall take it for the caller's.
type Error struct {
	Kind       error         // one of the seven above
	Status     int           // the server's HTTP status; 0 when it gave none
	Message    string        // may be shown to the caller: no address, path or control character
	RetryAfter time.Duration // when to ask again; set when Kind is ErrUnavailable
	Own        bool          // Ollama's own words about the request: its clients may be shown the answer as it is
	detail     string        // for the log only
	Unserved   bool          // no server can have seen the request
	TimedOut   bool          // the server was asked and let its deadline pass
}

// Error returns everything that is known, internal addresses included: for the
// log. A caller gets Message.
func (e *Error) Error() string {
	text := fmt.Sprintf("ollama: %v: %s", e.Kind, e.Message)
	if e.Status != 0 {
		text += fmt.Sprintf(" (status %d)", e.Status)
	}
	if e.detail != "" && e.detail != e.Message {
		text += ": " + e.detail
	}
	return withoutQuotes(text)
}

// withoutQuotes returns a text without what is quoted in it, from the first quote to the last of its kind, unless each is a name
// or a character: of a tool's call that it cannot read, Ollama quotes all that the model has said.
func withoutQuotes(text string) string {
	for _, quote := range []string{"`", "'", `"`} {
		before, rest, _ := strings.Cut(text, quote)
		last := strings.LastIndex(rest, quote)
		if last < 0 {
			continue
		}
		parts := strings.Split(rest[:last], quote)
		for i := 0; i < len(parts); i += 2 { // those in quotes
			if _, err := Canonical(parts[i]); err != nil && len(parts[i]) > len(`\u00`) {
				text = before + quote + "…" + rest[last:]
				break
			}
		}
	}
	return text
}

// Is makes errors.Is(err, ErrUnavailable) and its like work.
func (e *Error) Is(target error) bool { return target == e.Kind }

// What callers are told.
const (
	messageUnreachable = "the model server cannot be reached"
	messageSilent      = "the model server did not answer in time"
	messageBrokenOff   = "the model server broke off its answer"
	messageUnread      = "the answer was not read for too long"
	messageBusy        = "the model server is busy"
	messageRefused     = "the model server refused the request"
	messageNotServed   = "the model server does not serve this path"
	messageNonsense    = "the model server answered what cannot be understood"
	messageUnfinished  = "the model stopped before its answer was done"
	messageModelFailed = "the model failed"
	messageUnlisted    = "the model server does not say which models it has"
	messageRemote      = "the model does not run on this service's own machines, which is not allowed"
)

// retryAfter is what callers of an unavailable upstream are told when nothing
// better is known.
const retryAfter = time.Second

// WithCause returns a copy of e with what led to it, for the log only.
func (e *Error) WithCause(cause error) *Error {
	made := *e
	made.detail = cause.Error()
	return &made
}

func badRequest(message string) *Error {
	return &Error{Kind: ErrBadRequest, Message: message}
}

// ModelError explains an error that the server sends in the middle of a stream.
func ModelError(text string) *Error {
	e := &Error{Kind: ErrFailed, Message: SafeText(text), detail: text}
	if e.Message == "" {
		e.Message = messageModelFailed
	}
	return e
}

// maxMessage caps the server's words in bytes.
const maxMessage = 300

// internals match what an upstream's words may give away: URLs, absolute paths
// of both kinds, IP addresses, and host:port.
var internals = regexp.MustCompile(`(?i)` +
	`[a-z][a-z0-9+.-]*://[^\s"']+` +
	`|(?:^|[\s"'=(\[])(?:~?/|[a-z]:\\)[^\s"']+` +
	`|\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b` +
	`|\[[0-9a-f:]*:[0-9a-f:.]*\](?::\d+)?` +
	`|\b[a-z0-9.-]+:\d{2,5}\b`)

// SafeText makes an upstream's words fit for the caller: valid UTF-8 on one
// line, without control characters and internals, cut at maxMessage.
func SafeText(s string) string {
	s = strings.ToValidUTF8(s, "")
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, s)
	s = internals.ReplaceAllString(s, " […]")
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > maxMessage {
		s = strings.ToValidUTF8(s[:maxMessage], "") + "…"
	}
	return s
}
