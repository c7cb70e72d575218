package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
)

// TestServe_FilesMayNotGrow limits the size of the program's files, which any user may, as a quota of the disk does: it tells callers and
// probes, reads on, and goes on when there is room.
func TestServe_FilesMayNotGrow(t *testing.T) {
	t.Parallel()
	env := onItsOwn(t)
	p := start(t, env, "serve")
	a := p.app(t)
	wal, err := os.Stat(filepath.Join(env["DATA_DIR"], "paddock.db-wal"))
	must(t, err)
	var free unix.Rlimit
	must(t, unix.Prlimit(p.Process.Pid, unix.RLIMIT_FSIZE, nil, &free))
	tight := free
	tight.Cur = uint64(wal.Size()) + 64<<10
	must(t, unix.Prlimit(p.Process.Pid, unix.RLIMIT_FSIZE, &tight, nil))
	created := 0
	create := func() error {
		_, err := a.Admin().Users.CreateUser(t.Context(), &paddockv1.CreateUserRequest{Email: fmt.Sprintf("full%d@example.com", created)})
		if err == nil {
			created++
		}
		return err
	}
	for err = create(); err == nil && created < 1000; err = create() {
	}
	apptest.WantReason(t, err, apierr.DatabaseUnavailable)
	if _, err := whoAmI(t, a, a.AdminKey); err != nil {
		t.Errorf("a read: %v", err)
	}
	wantReady := func(status int) {
		for deadline := time.Now().Add(patience); get(a.URL+"/readyz") != status; time.Sleep(50 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("/readyz: no status %d", status)
			}
		}
	}
	wantReady(http.StatusServiceUnavailable)
	must(t, unix.Prlimit(p.Process.Pid, unix.RLIMIT_FSIZE, &free, nil))
	must(t, create())
	wantReady(http.StatusOK)
	if entries := a.Entries(t, "user_created"); len(entries) != created {
		t.Errorf("%d entries, %d users created", len(entries), created)
	}
	p.stop(t)
}
