package checkpoint

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// sealedMessage is what a server logs with each checkpoint, and cosignedMessage with one that the witness has cosigned.
const (
	sealedMessage   = "audit trail sealed"
	cosignedMessage = "audit trail cosigned"
)

// Log is a server's log, of JSON or text, or a file with one checkpoint.
type Log struct {
	file io.ReaderAt
	size int64
	io.Closer
}

// OpenLog opens the log as it is now: a server may write on. What is no file, but a pipe, is read to its end first.
func OpenLog(name string) (*Log, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && info.Mode().IsRegular() {
		return &Log{f, info.Size(), f}, nil
	}
	defer f.Close()
	if err != nil {
		return nil, err
	}
	kept, err := os.CreateTemp("", "paddock-checkpoints-")
	if err != nil {
		return nil, err
	}
	size, err := io.Copy(kept, f)
	if err := errors.Join(err, os.Remove(kept.Name())); err != nil {
		return nil, errors.Join(err, kept.Close())
	}
	return &Log{kept, size, kept}, nil
}

// sealedLine is a line of a text log with a checkpoint; a quote in another value is escaped there.
var sealedLine = regexp.MustCompile(`^time=\S+ level=\S+ msg="(` + sealedMessage + `|` + cosignedMessage + `)" (?:[^"]* )?checkpoint=("(?:[^"\\]|\\.)*")`)

// Checkpoints calls yield with the signed checkpoints in the log, from its beginning, until yield returns false. If there is none it calls it
// with all that there is, as a checkpoint's own file. A line of another message has none: it may quote what a stranger has sent.
func (l *Log) Checkpoints(yield func([]byte, error) bool) {
	const most = 1 << 20 // of a line, and of a checkpoint
	var (
		start []byte
		found bool
		r     = bufio.NewReaderSize(io.NewSectionReader(l.file, 0, l.size), most)
	)
	for {
		line, err := r.ReadSlice('\n')
		if one := inLine(line); one != nil {
			if found = true; !yield(one, nil) {
				return
			}
		}
		if !found && len(start)+len(line) <= most {
			start = append(start, line...)
		}
		switch {
		case errors.Is(err, io.EOF):
			if !found {
				yield(start, nil)
			}
			return
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			yield(nil, err)
			return
		}
	}
}

// inLine returns the checkpoint that a server has logged with the line, or nil.
func inLine(line []byte) []byte {
	var logged struct{ Msg, Checkpoint string }
	if quoted := sealedLine.FindSubmatch(line); quoted != nil {
		text, err := strconv.Unquote(string(quoted[2]))
		if err != nil {
			return nil
		}
		logged.Msg, logged.Checkpoint = string(quoted[1]), text
	} else if json.Unmarshal(line, &logged) != nil {
		return nil
	}
	if logged.Msg != sealedMessage && logged.Msg != cosignedMessage {
		return nil
	}
	if text, signature, _ := strings.Cut(logged.Checkpoint, "\n\n"); strings.Count(text, "\n") < 2 || signature == "" {
		return nil
	}
	return []byte(logged.Checkpoint)
}
