package apptest_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/paddock-gate/paddock/internal/apptest"
	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// TestMemory_PromptReleased checks that no byte of a prompt that was answered is left on the heap where anything refers to
// it. The prompt is made and sent by other programs, so that this process has it from the request alone, and the part that
// is looked for stands in its middle: net/http keeps the last few KiB of what it has read and written as long as a
// connection is open.
func TestMemory_PromptReleased(t *testing.T) {
	models := ollamatest.New()
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			models.ServeHTTP(w, r)
			return
		}
		_, _ = io.Copy(io.Discard, r.Body) // the test Ollama would keep it on record
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"model":"tiny-chat","message":{"role":"assistant","content":"a"},"done":true}`)
	}))
	t.Cleanup(upstream.Close)
	a := apptest.Start(t, storetest.SQLite(t), apptest.Env{"OLLAMA_BASE_URL": upstream.URL}) // alone: others' garbage is not this test's
	dir := t.TempDir()
	run := func(script string) {
		t.Helper()
		c := exec.CommandContext(t.Context(), "sh", "-euc", script)
		c.Dir, c.Env = dir, append(os.Environ(), "URL="+a.URL, "KEY="+a.AdminKey)
		if out, err := c.CombinedOutput(); err != nil {
			t.Skipf("%v: %s", err, out)
		}
	}
	run(`od -An -tx1 -N24 /dev/urandom | tr -d ' \n' >mark
		fill() { head -c 300000 /dev/zero | tr '\0' x; }
		{ printf '{"model":"tiny-chat","stream":false,"messages":[{"role":"user","content":"'; fill; cat mark; fill; printf '"}]}'; } >body`)
	find := func() int {
		t.Helper()
		for range 3 { // pools keep what they have for two
			runtime.GC()
		}
		path := filepath.Join(dir, "heap")
		dump, err := os.Create(path)
		must(t, err)
		debug.WriteHeapDump(dump.Fd())
		must(t, dump.Close())
		heap, err := os.ReadFile(path)
		must(t, err)
		mark, err := os.ReadFile(filepath.Join(dir, "mark"))
		must(t, err)
		return bytes.Count(heap, mark)
	}
	for range 3 {
		run(`curl -sf -H "Authorization: Bearer $KEY" --data-binary @body "$URL/api/chat" | grep -q '"done":true'`)
	}
	if n := find(); n > 0 {
		t.Errorf("the prompt is on the heap %d times", n)
	}
	kept, err := os.ReadFile(filepath.Join(dir, "body"))
	must(t, err)
	if n := find(); n == 0 {
		t.Error("what is held is not found: the test shows nothing")
	}
	runtime.KeepAlive(kept)
}
