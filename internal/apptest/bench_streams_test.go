package apptest_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/gen/paddock/v1/paddockv1connect"
)

// streaming is a kind of request for a stream.
type streaming struct{ path, contentType, prefix, body string }

func nativeStream(model string) streaming {
	return streaming{"/api/chat", "application/json", "", `{"model":"` + model + `","messages":[{"role":"user","content":"hi"}]}`}
}

// rpcStream is the same over Connect, whose messages stand behind five bytes.
func rpcStream(model string) streaming {
	s := nativeStream(model)
	s.path, s.contentType = paddockv1connect.OllamaServiceChatProcedure, "application/connect+json"
	s.prefix = string(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(s.body))))
	return s
}

var streamClient = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 5000, DisableCompression: true}}

// open begins a stream and hands each read of it to see, until that returns false, the stream or ctx ends.
func (s streaming) open(ctx context.Context, p *process, see func(read []byte) bool) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url+s.path, strings.NewReader(s.prefix+s.body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", s.contentType)
	req.Header.Set("Authorization", "Bearer "+p.key)
	res, err := streamClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("status %s", res.Status)
	}
	buf := make([]byte, 2048)
	for {
		n, err := res.Body.Read(buf)
		if n > 0 && !see(buf[:n]) || err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// perToken opens so many streams of ten tokens a second and measures, while they run, the process's CPU per token in µs.
func (s streaming) perToken(b *testing.B, p *process, streams int) float64 {
	b.Helper()
	ctx, cancel := context.WithCancel(b.Context())
	var tokens atomic.Int64
	var begun, ended sync.WaitGroup
	for range streams {
		begun.Add(1)
		ended.Go(func() {
			began := sync.OnceFunc(begun.Done)
			defer began()
			err := s.open(ctx, p, func(read []byte) bool {
				began()
				tokens.Add(int64(bytes.Count(read, []byte(`" Hello"`))))
				return true
			})
			if err != nil && ctx.Err() == nil {
				b.Error(err)
			}
		})
	}
	begun.Wait()
	time.Sleep(300 * time.Millisecond)
	cpu, count := p.cpu(b), tokens.Load()
	time.Sleep(2 * time.Second)
	spent := float64((p.cpu(b) - cpu).Microseconds()) / float64(tokens.Load()-count)
	cancel()
	ended.Wait()
	return spent
}

// BenchmarkGatewayToken is 512 streams: the CPU of a token over the bare reverse proxy's must be 1.3 in the upstream's
// dialect, aim 1.1; as the RPC, which translates, 1.5, aim 1.2.
func BenchmarkGatewayToken(b *testing.B) {
	const streams, model = 512, "1000x100ms"
	besideReference(b, func(b *testing.B, g gate) {
		for _, row := range []struct {
			name      string
			stream    streaming
			must, aim float64
		}{{"same-dialect", nativeStream(model), 1.3, 1.1}, {"rpc", rpcStream(model), 1.5, 1.2}} {
			b.Run(row.name, func(b *testing.B) {
				var ours, reference, ratio []float64
				for range rounds - 2 {
					o, r := row.stream.perToken(b, g.ours, streams), nativeStream(model).perToken(b, g.reference, streams)
					ours, reference, ratio = append(ours, o), append(reference, r), append(ratio, o/r)
				}
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(median(ours), "ours-cpu-µs")
				b.ReportMetric(median(reference), "ref-cpu-µs")
				b.ReportMetric(median(ratio), "÷ref")
				goal(b, row.must, row.aim)
			})
		}
	})
}

// BenchmarkGatewayStreams opens 2,000 streams of two tokens a second: none may fail or be cut; each must take 120 kB, aim
// 65.
func BenchmarkGatewayStreams(b *testing.B) {
	const streams, stream = 2000, "16x500ms"
	besideReference(b, func(b *testing.B, g gate) {
		for _, p := range []*process{g.ours, g.reference} {
			before := p.residentMB(b)
			var begun, ended sync.WaitGroup
			var cut atomic.Int64
			for range streams {
				begun.Add(1)
				ended.Go(func() {
					began := sync.OnceFunc(begun.Done)
					defer began()
					complete := false
					err := nativeStream(stream).open(b.Context(), p, func(read []byte) bool {
						began()
						complete = bytes.Contains(read, []byte(`"done":true`))
						return true
					})
					if err != nil || !complete {
						cut.Add(1)
					}
				})
			}
			begun.Wait()
			time.Sleep(2 * time.Second)
			each := (p.residentMB(b) - before) * 1024 / streams
			ended.Wait()
			if p == g.ours {
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(float64(cut.Load()), "cut")
				b.ReportMetric(each, "kB")
			} else {
				b.ReportMetric(each, "ref-kB")
			}
		}
		goal(b, 120, 65)
	})
}

// BenchmarkGatewayDisconnect is from when a client disconnects until the upstream sees that: must 50 ms, aim 10, and the
// next ten calls of others succeed.
func BenchmarkGatewayDisconnect(b *testing.B) {
	stopped := make(chan time.Time)
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if !bytes.Contains(body, []byte("hang")) {
			answerWhole(w, r, []byte(wholeAnswer))
			return
		}
		if bytes.Contains(body, []byte(`"stream":true`)) {
			w.Header().Set("Content-Type", "application/x-ndjson")
			_, _ = io.WriteString(w, piece)
			_ = http.NewResponseController(w).Flush()
		}
		<-r.Context().Done()
		stopped <- time.Now()
	}))
	b.Cleanup(upstream.Close)
	ours, _ := startProcess(b, b.TempDir(), upstream.URL)
	for _, unary := range []bool{false, true} {
		b.Run(map[bool]string{false: "stream", true: "unary"}[unary], func(b *testing.B) {
			call := nativeStream("hang")
			if unary {
				call.body = strings.Replace(chatBody, `"m"`, `"hang"`, 1)
			}
			var times []float64
			for range rounds {
				ctx, hangUp := context.WithCancel(b.Context())
				if unary {
					time.AfterFunc(50*time.Millisecond, hangUp)
				}
				_ = call.open(ctx, ours, func([]byte) bool { return false })
				gone := time.Now()
				hangUp()
				times = append(times, float64((<-stopped).Sub(gone).Microseconds())/1000)
				for range 10 {
					other := streaming{"/api/chat", "application/json", "", chatBody}
					if err := other.open(b.Context(), ours, func([]byte) bool { return true }); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(median(times), "ms")
			goal(b, 50, 10)
		})
	}
}
