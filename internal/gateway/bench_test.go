package gateway_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// beside runs a benchmark through the gateway, with its ledger, and through a bare reverse proxy, the floor.
func beside(b *testing.B, upstream string, run func(b *testing.B, url string)) {
	base, err := url.Parse(upstream)
	if err != nil {
		b.Fatal(err)
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 1024, DisableCompression: true}
	reverse := &httputil.ReverseProxy{
		Transport: transport, FlushInterval: -1,
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(base) },
	}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // streamed through, it makes some answers fail (golang/go#40747)
		r.Body = io.NopCloser(bytes.NewReader(body))
		reverse.ServeHTTP(w, r)
	}))
	b.Cleanup(proxy.Close)
	g := startAt(b, upstream)
	for name, url := range map[string]string{"paddock": g.URL, "reverse-proxy": proxy.URL} {
		b.Run(name, func(b *testing.B) {
			before := processTime(b)
			run(b, url)
			b.ReportMetric(float64(processTime(b)-before)/float64(b.N), "cpu-ns/op")
		})
	}
}

// processTime is what this process has had of the processors, upstream and client included.
func processTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// fixed is an upstream that always answers the same: no cost of a model's is measured.
func fixed(b *testing.B, contentType string, body []byte) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write(body)
	}))
	b.Cleanup(server.Close)
	return server.URL
}

func exchange(b *testing.B, url, body string) {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	res, err := client.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil || res.StatusCode != http.StatusOK {
		b.Fatal(res.Status, err)
	}
}

const wholeAnswer = `{"model":"m","message":{"role":"assistant","content":"Hello"},"done":true,"done_reason":"stop","prompt_eval_count":11,"eval_count":1}`

func BenchmarkUnary(b *testing.B) {
	beside(b, fixed(b, "application/json", []byte(wholeAnswer)), func(b *testing.B, url string) {
		b.ReportAllocs()
		b.SetParallelism(8)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				exchange(b, url+"/api/chat", `{"model":"m",`+hi+`,"stream":false}`)
			}
		})
	})
}

func BenchmarkPrompt256kB(b *testing.B) {
	prompt := strings.Repeat(`It was the best of times, it was the \"worst\" of times;\nit was the age of wisdom. `, 256<<10/88)
	body := `{"model":"m","messages":[{"role":"user","content":"` + prompt + `"}],"stream":false}`
	beside(b, fixed(b, "application/json", []byte(wholeAnswer)), func(b *testing.B, url string) {
		b.ReportAllocs()
		for b.Loop() {
			exchange(b, url+"/api/chat", body)
		}
	})
}

func BenchmarkEmbeddings(b *testing.B) {
	vector := "[" + strings.Repeat("-0.11222807,", 1023) + "0.5]"
	body := `{"model":"m","embeddings":[` + strings.Repeat(vector+",", 511) + vector + `],"prompt_eval_count":4096}`
	beside(b, fixed(b, "application/json", []byte(body)), func(b *testing.B, url string) {
		b.ReportAllocs()
		for b.Loop() {
			exchange(b, url+"/api/embed", `{"model":"m","input":"x"}`)
		}
	})
}

// BenchmarkToken relays many streams that are paced. One operation is a piece of one of them, the upstream's writing and the
// client's reading included.
func BenchmarkToken(b *testing.B) {
	const streams, pace = 128, 10 * time.Millisecond
	for _, d := range []struct{ name, path, body, contentType, piece string }{
		{
			"ollama", "/api/chat", `{"model":"m",` + hi + `}`, "application/x-ndjson",
			`{"model":"tiny-chat","created_at":"2026-11-22T19:59:32.474300056Z","message":{"role":"assistant","content":" tiny-chat"},"done":false}` + "\n",
		},
		{
			"openai", "/v1/chat/completions", `{"model":"m",` + hi + `,"stream":true}`, "text/event-stream",
			`data: {"id":"chatcmpl-137","object":"chat.completion.chunk","created":1795377640,"model":"tiny-chat","system_fingerprint":"fp_ollama","choices":[{"index":0,"delta":{"role":"assistant","content":"Hello"},"finish_reason":null}]}` + "\n\n",
		},
	} {
		b.Run(d.name, func(b *testing.B) {
			endless := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				w.Header().Set("Content-Type", d.contentType)
				for tick := time.NewTicker(pace); r.Context().Err() == nil; <-tick.C {
					_, _ = io.WriteString(w, d.piece)
					_ = http.NewResponseController(w).Flush()
				}
			}))
			b.Cleanup(endless.Close)
			beside(b, endless.URL, func(b *testing.B, url string) {
				ctx, stop := context.WithCancel(b.Context())
				defer stop()
				var all sync.WaitGroup
				for range streams {
					all.Go(func() {
						req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+d.path, strings.NewReader(d.body))
						if err != nil {
							b.Error(err)
							return
						}
						res, err := client.Do(req)
						if err != nil {
							b.Error(err)
							return
						}
						defer res.Body.Close()
						if _, err := io.CopyN(io.Discard, res.Body, int64((b.N/streams+1)*len(d.piece))); err != nil {
							b.Error(err)
						}
					})
				}
				all.Wait()
			})
		})
	}
}
