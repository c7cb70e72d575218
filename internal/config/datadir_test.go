package config_test

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/paddock-gate/paddock/internal/config"
)

func TestLoad_TouchesNoDisk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	load(t, map[string]string{"DATA_DIR": dir})
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("DATA_DIR after Load: %v", err)
	}
}

func TestSigningSecrets_Kept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "data")
	c := load(t, map[string]string{"DATA_DIR": dir, "JWT_ALG": "HS512"})
	first, err := c.SigningSecrets()
	if err != nil {
		t.Fatal(err)
	}
	if len(first) != 1 || len(first[0]) < 64 {
		t.Fatalf("got %d secrets; the first has %d bytes, too few for HS512", len(first), len(first[0]))
	}
	again, err := c.SigningSecrets()
	if err != nil || !slices.Equal(again, first) {
		t.Errorf("a second start gets another secret (%v)", err)
	}
	wantMode(t, dir, fs.ModeDir|0o700)
	wantMode(t, filepath.Join(dir, "jwt_secret"), 0o600)
}

func wantMode(t *testing.T, path string, want fs.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != want {
		t.Errorf("%s has mode %v, want %v", filepath.Base(path), info.Mode(), want)
	}
}

func TestSigningSecrets_ConcurrentStart(t *testing.T) {
	const servers = 32
	for range 20 {
		dir := filepath.Join(t.TempDir(), "data")
		c := load(t, map[string]string{"DATA_DIR": dir})
		secrets := make([]config.Secret, servers)
		start := make(chan struct{})
		var wg sync.WaitGroup
		for i := range servers {
			wg.Go(func() {
				<-start
				got, err := c.SigningSecrets()
				if err != nil {
					t.Error(err)
					return
				}
				secrets[i] = got[0]
			})
		}
		close(start)
		wg.Wait()
		if distinct := slices.Compact(slices.Sorted(slices.Values(secrets))); len(distinct) != 1 {
			t.Fatalf("%d servers got %d secrets", servers, len(distinct))
		}
		if entries, _ := os.ReadDir(dir); len(entries) != 1 {
			t.Fatalf("left behind: %v", entries)
		}
	}
}

func TestSigningSecrets_Configured(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	previous := strings.ToUpper(randomSecret)
	c := load(t, map[string]string{"DATA_DIR": dir, "JWT_SECRET": randomSecret, "JWT_SECRET_PREVIOUS": previous})
	got, err := c.SigningSecrets()
	if err != nil || !slices.Equal(got, []config.Secret{randomSecret, config.Secret(previous)}) {
		t.Errorf("the signing one does not come first (%v)", err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("DATA_DIR was made: %v", err)
	}
}

func TestSigningSecrets_DamagedFile(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "jwt_secret"), []byte("hAlF"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := load(t, map[string]string{"DATA_DIR": dir}).SigningSecrets()
	if err == nil || strings.Contains(err.Error(), "hAlF") {
		t.Errorf("got %v", err)
	}
}

func TestMakeAuditKey_Kept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	c := load(t, map[string]string{"DATA_DIR": dir})
	if _, err := c.AuditKey(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a file: %v", err)
	}
	keys := make([]config.Secret, 16)
	var wg sync.WaitGroup
	for i := range keys {
		wg.Go(func() {
			var err error
			if keys[i], err = c.MakeAuditKey(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if key, err := c.AuditKey(); err != nil || key != keys[0] || len(slices.Compact(keys)) != 1 {
		t.Errorf("servers that start at once have different keys (%v)", err)
	}
	wantMode(t, filepath.Join(dir, "audit_key"), 0o600)
	if err := os.WriteFile(filepath.Join(dir, "audit_key"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := c.MakeAuditKey(); err == nil || !strings.Contains(err.Error(), "holds no key") {
		t.Errorf("takes what is no key: %v", err)
	}
	set := load(t, map[string]string{"DATA_DIR": dir, "AUDIT_SIGNING_KEY": auditKey})
	if key, err := set.MakeAuditKey(); err != nil || key.Reveal() != auditKey {
		t.Errorf("AUDIT_SIGNING_KEY is not the key (%v)", err)
	}
}

// TestMakeAuditKey_Earlier: the public keys of those before it may follow the key.
func TestMakeAuditKey_Earlier(t *testing.T) {
	_, public, err := note.GenerateKey(rand.Reader, "paddock.example.com")
	if err != nil {
		t.Fatal(err)
	}
	text := auditKey + " " + public
	set := load(t, map[string]string{"AUDIT_SIGNING_KEY": text})
	if key, err := set.MakeAuditKey(); err != nil || key.Reveal() != text {
		t.Errorf("AUDIT_SIGNING_KEY with an earlier key is not the key (%v)", err)
	}
}
