// Package checkpoint signs and opens checkpoints of the audit trail (C2SP tlog-checkpoint), and reads those that the database has.
package checkpoint

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

var (
	// ErrSignature means that no known key has signed a checkpoint.
	ErrSignature = errors.New("the checkpoint is not signed by a known key")
	// ErrTruncated means that the seal ends before a checkpoint.
	ErrTruncated = errors.New("the seal of the audit trail ends before the checkpoint")
	// ErrForked means that the seal has, up to a checkpoint, not what that had.
	ErrForked = errors.New("the seal of the audit trail is not a continuation of the checkpoint")
)

// Key signs checkpoints. Its name is the log's origin.
type Key struct {
	signer   note.Signer
	verifier note.Verifier
	public   string
	earlier  []note.Verifier // of keys whose checkpoints it continues
}

// NewKey returns the key that a text of GenerateKey stands for. Public keys may follow, after white space: of the keys before it,
// whose checkpoints it continues.
func NewKey(text string) (*Key, error) {
	private, rest := text, []string(nil)
	if fields := strings.Fields(text); len(fields) > 0 {
		private, rest = fields[0], fields[1:]
	}
	k, err := newKey(private)
	if err != nil {
		return nil, err
	}
	for _, public := range rest {
		v, err := note.NewVerifier(public)
		if err != nil {
			return nil, err
		}
		if public != k.public {
			k.earlier = append(k.earlier, v)
		}
	}
	return k, nil
}

func newKey(text string) (*Key, error) {
	signer, err := note.NewSigner(text)
	if err != nil {
		return nil, err
	}
	// PRIVATE+KEY+name+hash+data; the data are a byte for the algorithm and the seed.
	data, err := base64.StdEncoding.DecodeString(strings.SplitN(text, "+", 5)[4])
	if err != nil || len(data) != 1+ed25519.SeedSize {
		return nil, errors.New("not an Ed25519 key")
	}
	public, ok := ed25519.NewKeyFromSeed(data[1:]).Public().(ed25519.PublicKey)
	if !ok {
		return nil, errors.New("not an Ed25519 key")
	}
	vkey, err := note.NewEd25519VerifierKey(signer.Name(), public)
	if err != nil {
		return nil, err
	}
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return nil, err
	}
	return &Key{signer: signer, verifier: verifier, public: vkey}, nil
}

// GenerateKey returns a new key of the name, which must be without spaces and plus signs, as a text for AUDIT_SIGNING_KEY, and the
// public key for whoever verifies.
func GenerateKey(name string) (private, public string, err error) {
	return note.GenerateKey(rand.Reader, name)
}

// Name returns the name, which is the origin of the log.
func (k *Key) Name() string { return k.signer.Name() }

// Public returns the public key in the form of signed notes: name+hash+key.
func (k *Key) Public() string { return k.public }

// Verifiers returns the key and those before it.
func (k *Key) Verifiers() Verifiers {
	return note.VerifierList(append([]note.Verifier{k.verifier}, k.earlier...)...)
}

// Checkpoint is what is signed: the root of the tree of a size.
type Checkpoint struct {
	Origin string
	tlog.Tree
}

// Verifiers are the keys that may have signed a checkpoint.
type Verifiers = note.Verifiers

// NewVerifiers returns the verifiers with the public keys.
func NewVerifiers(public ...string) (Verifiers, error) {
	known := make([]note.Verifier, len(public))
	for i, text := range public {
		var err error
		if known[i], err = note.NewVerifier(text); err != nil {
			return nil, err
		}
	}
	return note.VerifierList(known...), nil
}

// Sign returns the checkpoint of the tree as a signed note (C2SP tlog-checkpoint).
func (k *Key) Sign(t tlog.Tree) (string, error) {
	return k.SignText(fmt.Sprintf("%s\n%d\n%s\n", k.Name(), t.N, t.Hash))
}

// SignText returns the text as a signed note.
func (k *Key) SignText(text string) (string, error) {
	signed, err := note.Sign(&note.Note{Text: text}, k.signer)
	return string(signed), err
}

// Open returns a checkpoint that one of the keys has signed.
func Open(signed []byte, keys Verifiers) (Checkpoint, error) {
	text, err := OpenText(signed, keys)
	if err != nil {
		return Checkpoint{}, err
	}
	return parse(text)
}

// OpenText returns the text of a note that one of the keys has signed.
func OpenText(signed []byte, keys Verifiers) (string, error) {
	n, err := note.Open(signed, keys)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrSignature, err)
	}
	return n.Text, nil
}

// parse returns the checkpoint that a note's text says, whoever may have signed it.
func parse(text string) (c Checkpoint, err error) {
	lines := strings.SplitN(text, "\n", 4)
	if len(lines) < 4 {
		return c, errors.New("a checkpoint has three lines")
	}
	c.Origin = lines[0]
	if c.N, err = strconv.ParseInt(lines[1], 10, 64); err != nil || c.N < 0 {
		return c, errors.New("the second line of a checkpoint is a size")
	}
	if c.Hash, err = tlog.ParseHash(lines[2]); err != nil {
		return c, errors.New("the third line of a checkpoint is a hash")
	}
	return c, nil
}
