package main

import (
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/paddock-gate/paddock/internal/config"
)

// newHandler returns a handler that writes the log to w, as text for a terminal and else as JSON, unless the configuration says which. The
// log goes to stderr, which leaves stdout to what a command is asked for.
func newHandler(cfg config.Config, w io.Writer, terminal bool) slog.Handler {
	options := &slog.HandlerOptions{Level: cfg.LogLevel}
	if cfg.LogFormat == "text" || cfg.LogFormat == "" && terminal {
		return slog.NewTextHandler(w, options)
	}
	return slog.NewJSONHandler(w, options)
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// lineDelay is how long a lineWriter keeps a line, and lineBuffer about how many bytes of lines: a process that is killed loses the lines
// of its last requests.
const (
	lineDelay  = 10 * time.Millisecond
	lineBuffer = 32 << 10
)

// lineWriter writes what it is given a moment later, and together: a busy server would else write to its log as often as to its clients.
// Whole lines must be given to it.
type lineWriter struct {
	w io.Writer

	mu  sync.Mutex
	buf []byte
}

func (l *lineWriter) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.buf) == 0 {
		time.AfterFunc(lineDelay, l.flush)
	}
	l.buf = append(l.buf, line...)
	if len(l.buf) >= lineBuffer {
		l.write()
	}
	return len(line), nil
}

// flush writes what has been given so far.
func (l *lineWriter) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.write()
}

// write writes the buffer. What cannot be written is lost, as with the log itself; mu must be held.
func (l *lineWriter) write() {
	if len(l.buf) > 0 {
		_, _ = l.w.Write(l.buf)
		l.buf = l.buf[:0]
	}
}
