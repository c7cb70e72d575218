// Command serve runs the test Ollama by itself, for development and end-to-end
// tests without a real one.
//
// Usage: go run ./internal/ollama/ollamatest/serve [-addr 127.0.0.1:11434]
package main

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:11434", "address to listen on, of this machine only")
	flag.Parse()
	server := http.Server{Addr: *addr, Handler: ollamatest.New(), ReadHeaderTimeout: time.Minute}
	fmt.Fprintln(os.Stderr, "test Ollama on http://"+*addr)
	if err := server.ListenAndServe(); err != nil {
		fmt.Fprintln(os.Stderr, "serve:", err)
		os.Exit(1)
	}
}
