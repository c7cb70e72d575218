package ollamatest

import "bytes"

// Framing is how a stream is written. A real server sets none of these; other
// servers and proxies in between do.
type Framing struct {
	CRLF      bool // ends lines with a carriage return, too
	NoSpace   bool // after "event:" and "data:"
	NoNewline bool // after the last line of all
}

// Frame makes the rest of an answer's stream be written so.
func Frame(f Framing) Step {
	return func(x *exchange) error {
		x.framing = f
		return nil
	}
}

// apply frames a line or an event. What is to follow only if something else does
// is given apart.
func (f Framing) apply(text []byte) (now, later []byte) {
	if f.NoSpace {
		for _, field := range []string{"event:", "data:"} {
			text = bytes.Replace(text, []byte(field+" "), []byte(field), 1)
		}
	}
	if f.CRLF {
		text = bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n"))
	}
	if f.NoNewline {
		now = bytes.TrimRight(text, "\r\n")
		return now, text[len(now):]
	}
	return text, nil
}

// frame writes a line or an event of a stream as it is to be framed.
func (x *exchange) frame(contentType string, text []byte) error {
	now, later := x.framing.apply(text)
	err := x.write(contentType, append(x.newline, now...))
	x.newline = later
	return err
}
