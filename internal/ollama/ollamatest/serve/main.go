// Command serve runs the test Ollama by itself, for development, for end-to-end
// tests without a real one, and for a person who wants to see what a client does
// with it: a coding agent, say, whose model is tiny-agent.
//
// Usage: go run ./internal/ollama/ollamatest/serve [-addr 127.0.0.1:11434] [flags]
//
//	-log                        tell each request
//	-call read                  what tiny-agent calls, with
//	-arguments '{"path":"x"}'
//	-silence 60s                before it does
//	-first 60s                  silence before the first byte of every answer
//	-pace 200ms                 before every later piece
//	-newer                      answer as 0.33 does
//	-cloud                      list models that run on ollama.com
//	-crlf, -no-space, -no-newline
//	                            write streams as other servers and proxies do
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
)

type options struct {
	addr            string
	log             bool
	call, arguments string
	silence         time.Duration
	first, pace     time.Duration
	newer, cloud    bool
	framing         ollamatest.Framing
}

func main() {
	var o options
	flag.StringVar(&o.addr, "addr", "127.0.0.1:11434", "`address` to listen on, of this machine only")
	flag.BoolVar(&o.log, "log", false, "tell each request on standard error")
	flag.StringVar(&o.call, "call", "", "`name` of the tool that tiny-agent calls (default: the first that it is offered)")
	flag.StringVar(&o.arguments, "arguments", "{}", "the call's arguments, in `JSON`")
	flag.DurationVar(&o.silence, "silence", 0, "`time` that tiny-agent is silent before the call")
	flag.DurationVar(&o.first, "first", 0, "`time` of silence before the first byte of every answer of a model")
	flag.DurationVar(&o.pace, "pace", 0, "`time` before every later piece")
	flag.BoolVar(&o.newer, "newer", false, "answer as Ollama "+ollamatest.NewerVersion+" does")
	flag.BoolVar(&o.cloud, "cloud", false, "list models that run on ollama.com, too")
	flag.BoolVar(&o.framing.CRLF, "crlf", false, "end lines of streams with a carriage return")
	flag.BoolVar(&o.framing.NoSpace, "no-space", false, `leave the space after "data:" out`)
	flag.BoolVar(&o.framing.NoNewline, "no-newline", false, "leave the newline after the last line out")
	flag.Parse()
	if err := serve(o); err != nil {
		fmt.Fprintln(os.Stderr, "serve:", err)
		os.Exit(1)
	}
}

// serve says where it listens, for the port may be 0.
func serve(o options) error {
	handler, err := ollama(o)
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", o.addr)
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "test Ollama on http://"+listener.Addr().String())
	server := http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	return server.Serve(listener)
}

// ollama makes the test Ollama that was asked for.
func ollama(o options) (http.Handler, error) {
	s := ollamatest.New()
	if !json.Valid([]byte(o.arguments)) {
		return nil, errors.New("-arguments must be JSON")
	}
	s.CallTool(o.call, o.arguments)
	s.Silence(o.silence)
	s.Always(ollamatest.Frame(o.framing), ollamatest.Wait(o.first), ollamatest.Pace(o.pace))
	if o.newer {
		s.Newer()
	}
	if o.cloud {
		for _, m := range ollamatest.CloudModels() {
			s.Add(m)
		}
	}
	if !o.log {
		return s, nil
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun := time.Now()
		s.ServeHTTP(w, r)
		fmt.Fprintf(os.Stderr, "%s %s, %d bytes of %q, %v\n",
			r.Method, r.URL, r.ContentLength, r.UserAgent(), time.Since(begun).Round(time.Millisecond))
	}), nil
}
