package config

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// secretFile holds the signing secret of a server that was given none, in DataDir.
const secretFile = "jwt_secret"

// localSecretBytes of randomness make 64 base64 characters, enough for HS512.
const localSecretBytes = 48

// SigningSecrets returns the secrets that access tokens verify with; the first one signs. When JWT_SECRET is not set it
// reads the file jwt_secret in DataDir, and creates folder and file, for their owner only, if there is none. Processes that
// start at once on one folder all get the same secret.
func (c Config) SigningSecrets() ([]Secret, error) {
	current := c.Tokens.Secret
	if current == "" {
		// The mode of a folder that exists is left alone: it may be /tmp, or a volume that others set up.
		if err := os.MkdirAll(c.DataDir, 0o700); err != nil {
			return nil, fmt.Errorf("create DATA_DIR: %w", err)
		}
		var err error
		if current, err = localSecret(filepath.Join(c.DataDir, secretFile)); err != nil {
			return nil, fmt.Errorf("local signing secret: %w", err)
		}
	}
	if c.Tokens.PreviousSecret == "" {
		return []Secret{current}, nil
	}
	return []Secret{current, c.Tokens.PreviousSecret}, nil
}

// auditKeyFile holds the key of the audit trail of a server that was given none, in DataDir.
const auditKeyFile = "audit_key"

// AuditKey returns the key that signs checkpoints of the audit trail: AUDIT_SIGNING_KEY, or else what the file audit_key in DataDir
// holds. The error is an fs.ErrNotExist when there is neither.
func (c Config) AuditKey() (Secret, error) {
	if c.AuditSigningKey != "" {
		return c.AuditSigningKey, nil
	}
	path := filepath.Join(c.DataDir, auditKeyFile)
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	key := strings.TrimSpace(string(text))
	if !isSigningKey(key) {
		return "", fmt.Errorf("%s holds no key; restore it, or delete it to have a new one made", path)
	}
	return Secret(key), nil
}

// MakeAuditKey is AuditKey, and makes the file if there is none. Processes that start at once on one folder all get the same key.
func (c Config) MakeAuditKey() (Secret, error) {
	key, err := c.AuditKey()
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if err := os.MkdirAll(c.DataDir, 0o700); err != nil {
		return "", fmt.Errorf("create DATA_DIR: %w", err)
	}
	var random [4]byte
	_, _ = rand.Read(random[:]) // never fails
	text, _, err := note.GenerateKey(rand.Reader, "paddock/"+hex.EncodeToString(random[:]))
	if err != nil {
		return "", err
	}
	if err := createFile(filepath.Join(c.DataDir, auditKeyFile), text+"\n"); err != nil {
		return "", err
	}
	return c.AuditKey()
}

// localSecret reads the secret at path, creating it first if there is none.
func localSecret(path string) (Secret, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		var random [localSecretBytes]byte
		_, _ = rand.Read(random[:]) // never fails
		if err = createFile(path, base64.RawURLEncoding.EncodeToString(random[:])); err == nil {
			text, err = os.ReadFile(path)
		}
	}
	if err != nil {
		return "", err
	}
	if least := base64.RawURLEncoding.EncodedLen(localSecretBytes); len(text) < least {
		return "", fmt.Errorf("%s holds fewer than %d bytes; delete it to have a new one made (all sessions end)", path, least)
	}
	return Secret(text), nil
}

// createFile writes a text to path, for the owner alone, unless another process does so first. The file appears whole or not at
// all: it is written under another name and then linked, which, unlike a rename, never replaces the other's.
func createFile(path, text string) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.tmp") // mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
