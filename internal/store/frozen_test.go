package store_test

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// freezable puts a socket before the cluster's, which passes nothing on while frozen, as a server that hangs does.
func freezable(t *testing.T, databaseURL string) (url string, frozen *atomic.Bool) {
	t.Helper()
	frozen = new(atomic.Bool)
	dir := t.TempDir()
	const name = ".s.PGSQL.5432"
	listener, err := net.Listen("unix", filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	_, rest, _ := strings.Cut(databaseURL, "host=")
	escaped, _, _ := strings.Cut(rest, "&")
	behind := strings.ReplaceAll(escaped, "%2F", "/")
	pass := func(to, from net.Conn) {
		defer to.Close()
		buf := make([]byte, 32<<10)
		for {
			n, err := from.Read(buf)
			for frozen.Load() {
				time.Sleep(10 * time.Millisecond)
			}
			if _, writeErr := to.Write(buf[:n]); err != nil || writeErr != nil {
				return
			}
		}
	}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("unix", filepath.Join(behind, name))
			if err != nil {
				client.Close()
				continue
			}
			go pass(server, client)
			go pass(client, server)
		}
	}()
	return strings.Replace(databaseURL, "host="+escaped, "host="+strings.ReplaceAll(dir, "/", "%2F"), 1), frozen
}

// TestErrAway_UnresponsiveDatabase checks that a database that accepts connections and then says nothing is away in time.
func TestErrAway_UnresponsiveDatabase(t *testing.T) {
	url, frozen := freezable(t, storetest.NewCluster(t).Database(t))
	s := storetest.Open(t, url)
	ways := uses(s)
	for _, name := range []string{"ping", "query", "read"} {
		frozen.Store(false)
		if err := ways[name](t.Context()); err != nil {
			t.Fatal(err)
		}
		frozen.Store(true)
		for range 2 {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			began := time.Now()
			err := ways[name](ctx)
			cancel()
			if took := time.Since(began); !errors.Is(err, store.ErrAway) || took > 2*time.Second {
				t.Errorf("%s: %v after %v", name, err, took)
			}
		}
	}
	frozen.Store(false)
	for name, use := range ways {
		if err := use(t.Context()); err != nil {
			t.Errorf("%s with the database back: %v", name, err)
		}
	}
}
