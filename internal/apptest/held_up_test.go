package apptest_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/paddock-gate/paddock/internal/apptest"
	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// TestFlood_ToldOfTheCut: who reads on after a model was not held up any longer is told by each dialect, and in RPCs, that the answer was not
// read for too long: a fault of the client's, and none to ask again for.
func TestFlood_ToldOfTheCut(t *testing.T) {
	t.Parallel()
	const words = "the answer was not read for too long"
	want := map[string]string{
		"/api/chat":            "\n" + `{"error":"` + words + `"}` + "\n",
		"/v1/chat/completions": "\n\ndata: " + `{"error":{"message":"` + words + `","type":"invalid_request_error","param":null,"code":null}}` + "\n\n",
		"/v1/messages":         "\n\nevent: error\ndata: " + `{"type":"error","error":{"type":"invalid_request_error","message":"` + words + `"}`,
		"/v1/responses":        `"error":{"code":"invalid_request_error","message":"` + words + `"}`,
	}
	a := apptest.Start(t, storetest.SQLite(t), apptest.Env{"DEFAULT_TOKENS_PER_DAY": "10000000"})
	const size, piece = 12 << 20, 16 << 10 // more than all buffers
	a.Upstream.Script("tiny-chat", ollamatest.Say(slices.Repeat([]string{strings.Repeat("x", piece)}, size/piece)...), ollamatest.Done("stop", 11, 1))
	var all []unread
	for way := range streamWays {
		all = append(all, beginUnread(t.Context(), t, a, way, a.AdminKey, "tiny-chat"))
	}
	for end := time.Now().Add(60 * time.Second); asked(a, "tiny-chat", false) < len(all) || a.Upstream.Active() > 0; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d models still work", a.Upstream.Active())
		}
	}
	var read sync.WaitGroup
	defer read.Wait()
	for _, u := range all {
		read.Go(func() {
			defer u.leave()
			said, whole, err := u.rest()
			switch last, rpc := said[max(0, len(said)-1000):], streamWays[u.way].rpc != nil; {
			case whole:
				t.Errorf("%s: %d bytes, whole", u.way, len(said))
			case rpc && (connect.CodeOf(err) != connect.CodeCanceled || !strings.Contains(err.Error(), words)):
				t.Errorf("%s: after %d bytes %v", u.way, len(said), err)
			case !rpc && (err != nil || !strings.Contains(last, want[u.way])):
				t.Errorf("%s: after %d bytes %v and %q, want %q", u.way, len(said), err, last, want[u.way])
			}
		})
	}
}
