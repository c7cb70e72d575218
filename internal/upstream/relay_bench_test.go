package upstream

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/ollama"
)

// echo answers every request with a short object.
func echo(b *testing.B) *url.URL {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = w.Write([]byte(`{"model":"m","response":"hi","done":true}`))
	}))
	b.Cleanup(s.Close)
	u, err := url.Parse(s.URL)
	if err != nil {
		b.Fatal(err)
	}
	return u
}

func benchConfig(urls ...*url.URL) Config {
	return Config{
		BaseURLs: urls, ConnectTimeout: time.Second, FirstTokenTimeout: time.Minute, IdleTimeout: time.Minute,
		MaxInflight: 5000, MaxQueue: 1000, QueueTimeout: time.Minute,
	}
}

// plainTransport is net/http's own, without limits on connections.
func plainTransport() *http.Transport {
	return &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 1024}
}

// One operation is a unary call over the loopback, 16 at once, the server's work
// included: by bare net/http, and relayed through limits, breakers and queue.
func BenchmarkRelay(b *testing.B) {
	base, body := echo(b), []byte(`{"model":"m","prompt":"hi","stream":false}`)
	b.Run("net-http", func(b *testing.B) {
		address := base.JoinPath("api/generate").String()
		client := http.Client{Transport: plainTransport()}
		atOnce(b, func(ctx context.Context) error {
			request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
			if err != nil {
				return err
			}
			request.Header.Set("Content-Type", "application/json")
			response, err := client.Do(request)
			if err != nil {
				return err
			}
			defer response.Body.Close()
			_, err = io.Copy(io.Discard, response.Body)
			return err
		})
	})
	c := New(benchConfig(base))
	b.Run("paddock", func(b *testing.B) {
		atOnce(b, func(ctx context.Context) error {
			a, err := c.Relay(ctx, Request{Turn: Turn{User: "a"}, Path: "api/generate", Model: "m:latest", Body: ollama.NewBody(body)})
			if err != nil {
				return err
			}
			defer a.Close()
			_, err = io.Copy(io.Discard, a)
			return err
		})
	})
}

func atOnce(b *testing.B, call func(context.Context) error) {
	b.ReportAllocs()
	b.SetParallelism(max(16/runtime.GOMAXPROCS(0), 1))
	b.RunParallel(func(p *testing.PB) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		for p.Next() {
			if err := call(ctx); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// One operation is 2,000 open streams that have begun; what each takes of our
// memory, the test's end of its socket included, is a metric.
func BenchmarkOpenStreams(b *testing.B) {
	base := beginAndHang(b)
	b.Run("net-http", func(b *testing.B) {
		client := http.Client{Transport: plainTransport()}
		hold(b, func(ctx context.Context) (io.ReadCloser, error) {
			request, err := http.NewRequestWithContext(ctx, http.MethodPost, base.String(), bytes.NewReader([]byte("{}")))
			if err != nil {
				return nil, err
			}
			response, err := client.Do(request)
			if err != nil {
				return nil, err
			}
			return response.Body, nil
		})
	})
	config := benchConfig(base)
	config.AllowCloud = true // else the list would have to be known
	c := New(config)
	b.Run("paddock", func(b *testing.B) {
		hold(b, func(ctx context.Context) (io.ReadCloser, error) {
			return c.Relay(ctx, Request{Path: "api/chat", Model: "m:latest", Body: ollama.NewBody([]byte("{}"))})
		})
	})
}

// hold opens streams, each in a goroutine that reads it with a small buffer.
func hold(b *testing.B, open func(context.Context) (io.ReadCloser, error)) {
	const streams = 2000
	for b.Loop() {
		before := memory()
		ctx, cancel := context.WithCancel(context.Background())
		var begun, ended sync.WaitGroup
		begun.Add(streams)
		for range streams {
			ended.Go(func() {
				stream, err := open(ctx)
				if err != nil {
					b.Error(err)
					begun.Done()
					return
				}
				defer stream.Close()
				piece := make([]byte, 512)
				_, _ = stream.Read(piece)
				begun.Done()
				_, _ = stream.Read(piece)
			})
		}
		begun.Wait()
		b.ReportMetric(float64(memory()-before)/streams/1e3, "kB/stream")
		cancel()
		ended.Wait()
	}
}

func memory() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}

// beginAndHang answers with one piece and the promise of more, and keeps nothing
// of a connection but its socket.
func beginAndHang(b *testing.B) *url.URL {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	const line = `{"message":{"content":"hi"}}` + "\n"
	const answer = "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n1d\r\n" + line + "\r\n"
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			b.Cleanup(func() { c.Close() })
			go func() {
				_, _ = c.Read(make([]byte, 1024))
				_, _ = c.Write([]byte(answer))
			}()
		}
	}()
	return &url.URL{Scheme: "http", Host: l.Addr().String()}
}
