package cosign_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/paddock-gate/paddock/internal/seal/cosign"
	"github.com/paddock-gate/paddock/internal/seal/sealtest"
	"github.com/paddock-gate/paddock/internal/witness/witnesstest"
)

// TestCosignAndLog: a witness that does not cosign is logged when that begins, and when it changes.
func TestCosignAndLog(t *testing.T) {
	sealtest.EachCosigned(t, func(t *testing.T, c *sealtest.Cosigned) {
		c.Write(t, 5)
		c.Seal(t)
		w := c.Witness
		var out bytes.Buffer
		logger := slog.New(slog.NewTextHandler(&out, nil))
		want := func(attempts int, lines ...string) {
			t.Helper()
			out.Reset()
			for range attempts {
				c.ExpireTurn(t)
				cosign.CosignAndLog(t.Context(), c.Cosigner, logger)
			}
			got := strings.Split(strings.TrimSpace(out.String()), "\n")
			if len(lines) != strings.Count(out.String(), "\n") {
				t.Fatalf("got %d lines, want %d: %s", len(got), len(lines), out.String())
			}
			for i, line := range lines {
				if !strings.Contains(got[i], line) {
					t.Errorf("got %q, want %q", got[i], line)
				}
			}
		}
		w.Instead(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
		want(3, `level=WARN msg="audit trail not cosigned" witness=`+witnesstest.Name+` error="the witness does not answer: `)
		w.Instead(http.NotFound)
		want(3, `level=WARN msg="audit trail not cosigned" witness=`+witnesstest.Name+` error="the witness refuses the checkpoint: it does not know`)
		w.Instead(func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Type", "text/x.tlog.size")
			rw.WriteHeader(http.StatusConflict)
			_, _ = rw.Write([]byte("9\n"))
		})
		want(3, `level=ERROR msg="audit trail is not what the witness has cosigned" witness=`+witnesstest.Name+` error="the witness has cosigned more entries than are sealed: 9, and there are 5"`)
		w.Instead(nil)
		want(3, `level=INFO msg="audit trail cosigned" entries=5 witness=`+witnesstest.Name+` time=`)
		if !strings.Contains(out.String(), `checkpoint="example.com/paddock\n5\n`) || strings.Count(out.String(), `\n— `) != 2 {
			t.Errorf("no checkpoint with two signatures: %s", out.String())
		}
		c.Write(t, 1)
		c.Seal(t)
		w.Instead(http.NotFound)
		want(2, `level=WARN msg="audit trail not cosigned"`)
	})
}
