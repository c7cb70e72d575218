package main

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestLineWriter: lines are written together, within lineDelay, when there are many of them, and when they are asked for.
func TestLineWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		lines := &lineWriter{w: &log}
		write := func(line string) {
			t.Helper()
			if n, err := lines.Write([]byte(line)); n != len(line) || err != nil {
				t.Fatalf("%d of %d bytes, %v", n, len(line), err)
			}
		}
		want := func(when, text string) {
			t.Helper()
			synctest.Wait()
			lines.mu.Lock()
			defer lines.mu.Unlock()
			if log.String() != text {
				t.Errorf("%s: %.100q, want %.100q", when, log.String(), text)
			}
			log.Reset()
		}
		write("a\n")
		time.Sleep(lineDelay / 2)
		write("b\n")
		want("before", "")
		time.Sleep(lineDelay)
		want("after", "a\nb\n")
		write("c\n")
		lines.flush()
		want("asked for", "c\n")
		many := strings.Repeat("d", lineBuffer)
		write(many)
		want("many", many)
		time.Sleep(2 * lineDelay)
		want("later", "")
	})
}
