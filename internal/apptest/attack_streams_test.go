package apptest_test

import (
	"net/http"
	"testing"
	"time"

	h2 "golang.org/x/net/http2"

	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
)

// TestAttack_Windows has streams whose client takes nothing, or a byte at a time: they take bounded memory, and in `make soak` it is seen
// that they end.
func TestAttack_Windows(t *testing.T) {
	t.Parallel()
	s := startTarget(t)
	before := s.goroutines(t)
	others, peak := s.others(t), s.memoryPeak(t)
	var peers []*peer
	for range scale(3, 20) {
		p := newPeer(t, s, h2.Setting{ID: h2.SettingInitialWindowSize, Val: 0}).read()
		peers = append(peers, p)
		for range 100 {
			must(t, p.open(p.headers(s, http.MethodGet, "/openapi.json", ""), true))
		}
		must(t, p.out.Flush())
		p.settle()
	}
	wantMemory(t, peak(), scale(64, 300))
	if fullProof() { // each write has half a minute
		time.Sleep(45 * time.Second)
		s.wantReleased(t, before+2*len(peers)) // whose connections are still open
	}
	for _, p := range peers {
		p.conn.Close()
	}
	others.end()
	s.wantReleased(t, before)
}

// TestAttack_StreamsAtOnce opens more streams on a connection than are allowed: the rest is refused.
func TestAttack_StreamsAtOnce(t *testing.T) {
	t.Parallel()
	s := startTarget(t, "MAX_STREAMS_PER_USER=100000", "OLLAMA_MAX_INFLIGHT=0")
	s.upstream.Script("tiny-chat", ollamatest.Hang())
	p := newPeer(t, s).read()
	for range 300 {
		must(t, p.chat(s))
	}
	must(t, p.out.Flush())
	p.settle()
	if n := p.errors()[h2.ErrCodeRefusedStream] + p.errors()[h2.ErrCodeProtocol]; n != 200 {
		t.Errorf("%d streams refused, want 200", n)
	}
	if n := s.upstream.Active(); n > 100 {
		t.Errorf("%d model calls at once", n)
	}
}
