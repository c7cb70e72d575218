// Command serve runs the test Ollama by itself, for development and end-to-end
// tests without a real one.
//
// Usage: go run ./internal/ollama/ollamatest/serve [-addr 127.0.0.1:11434]
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:11434", "address to listen on, of this machine only")
	flag.Parse()
	if err := serve(*addr); err != nil {
		fmt.Fprintln(os.Stderr, "serve:", err)
		os.Exit(1)
	}
}

// serve says where it listens, for the port may be 0.
func serve(addr string) error {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", addr)
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "test Ollama on http://"+listener.Addr().String())
	server := http.Server{Handler: ollamatest.New(), ReadHeaderTimeout: time.Minute}
	return server.Serve(listener)
}
