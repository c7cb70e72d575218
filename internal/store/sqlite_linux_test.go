package store_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// TestOpen_ReadOnlyFile checks that a file that cannot be written is refused when it is opened, and not with the first
// change.
func TestOpen_ReadOnlyFile(t *testing.T) {
	url := storetest.SQLite(t)
	path := strings.TrimPrefix(url, "sqlite://")
	if err := os.Chmod(path, 0o400); err != nil {
		t.Fatal(err)
	}
	_, err := openAsNobody(t, url)
	if err == nil || !strings.Contains(err.Error(), path+": permission denied") || !strings.Contains(err.Error(), "writable") {
		t.Errorf("got %v", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := openAsNobody(t, url)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// openAsNobody opens the embedded database without root's right to write every file.
func openAsNobody(t *testing.T, url string) (*store.Store, error) {
	t.Helper()
	const nobody = 65534
	if os.Geteuid() == 0 {
		path := strings.TrimPrefix(url, "sqlite://")
		for _, owned := range []string{path, filepath.Dir(path), filepath.Dir(filepath.Dir(path))} {
			if err := os.Chown(owned, nobody, -1); err != nil {
				t.Fatal(err)
			}
		}
		runtime.LockOSThread() // whose file system rights these are
		defer runtime.UnlockOSThread()
		if err := syscall.Setfsuid(nobody); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = syscall.Setfsuid(0) }()
	}
	return store.Open(t.Context(), url)
}
