package dialect

import "bytes"

// event is one event of a stream of server-sent events.
type event struct {
	name, data []byte
}

// parseEvent reads an event as the specification has it: lines may end in CRLF, and a space behind the colon may be missing.
// Of several lines of data it takes the first, which is all that the upstreams write.
func parseEvent(unit []byte) (e event) {
	for len(unit) > 0 {
		var line []byte
		line, unit, _ = bytes.Cut(unit, newline)
		line = bytes.TrimSuffix(line, carriageReturn)
		switch key, value, _ := bytes.Cut(line, colon); {
		case e.name == nil && string(key) == "event":
			e.name = bytes.TrimPrefix(value, blank)
		case e.data == nil && string(key) == "data":
			e.data = bytes.TrimPrefix(value, blank)
		}
	}
	return e
}

var newline, carriageReturn, colon, blank = []byte("\n"), []byte("\r"), []byte(":"), []byte(" ")

// eventEnd returns where the first event in b ends, its empty line included; 0 when it does not.
func eventEnd(b []byte) int {
	for at := 0; ; {
		n := bytes.IndexByte(b[at:], '\n')
		if n < 0 {
			return 0
		}
		at += n + 1
		switch rest := b[at:]; {
		case len(rest) > 0 && rest[0] == '\n':
			return at + 1
		case len(rest) > 1 && rest[0] == '\r' && rest[1] == '\n':
			return at + 2
		}
	}
}
