package apptest_test

import (
	"bufio"
	"bytes"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
)

// BenchmarkStreamMemory: 2,000 streams at once through the gateway of one replica, each a user's call with its reservation, must
// take less than 120 kB each, aim 65; none fails and none is cut.
func BenchmarkStreamMemory(b *testing.B) {
	const streams = 2000
	upstream := ollamatest.Start(b)
	gate := make(chan struct{})
	upstream.Script("tiny-chat", ollamatest.Say("hello"), ollamatest.Until(gate), ollamatest.Say("bye"), ollamatest.Done("stop", 11, 2))
	p, _ := startProcess(b, b.TempDir(), upstream.URL, "MAX_STREAMS_PER_USER=4000", "OLLAMA_MAX_INFLIGHT=0", "DEFAULT_TOKENS_PER_DAY=1000000000")
	defer stop(b, p)
	before := p.residentMB(b)

	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: streams}}
	slots := make(chan struct{}, 64) // of those that are beginning
	var begun, done sync.WaitGroup
	for range streams {
		begun.Add(1)
		done.Go(func() {
			slots <- struct{}{}
			ready := sync.OnceFunc(func() { <-slots; begun.Done() })
			defer ready()
			req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, p.url+"/api/chat",
				strings.NewReader(`{"model":"tiny-chat","messages":[{"role":"user","content":"hi"}]}`))
			if err != nil {
				b.Error(err)
				return
			}
			req.Header.Set("Authorization", "Bearer "+p.key)
			res, err := client.Do(req)
			if err != nil {
				b.Error(err)
				return
			}
			defer res.Body.Close()
			last := []byte(nil)
			for lines := bufio.NewScanner(res.Body); lines.Scan(); ready() {
				last = lines.Bytes()
			}
			if !bytes.Contains(last, []byte(`"done":true`)) {
				b.Errorf("%s: the last line is %q", res.Status, last)
			}
		})
	}
	begun.Wait()
	time.Sleep(2 * time.Second) // two checkpoints
	during := p.residentMB(b)
	close(gate)
	done.Wait()
	b.ReportMetric(0, "ns/op")
	b.ReportMetric((during-before)*1024/streams, "kB/stream")
}
