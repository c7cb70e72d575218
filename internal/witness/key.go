// Package witness has checkpoints of a log cosigned by a witness, which confirms that each continues those that it has seen before, in
// the public formats of transparency logs: C2SP tlog-witness and tlog-cosignature.
package witness

import (
	"errors"
	"fmt"
	"strings"
	"time"

	cosignature "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
)

var (
	// ErrNoCosignature means that the witness has not cosigned a checkpoint.
	ErrNoCosignature = errors.New("the witness has not cosigned the checkpoint")
	// ErrCosignature means that a checkpoint has a cosignature of the witness that does not verify.
	ErrCosignature = errors.New("the witness's cosignature of the checkpoint does not verify")
)

// Key is a witness's public key.
type Key struct{ verifier note.Verifier }

// NewKey returns the key of a text in the form of signed notes, name+hash+key: an Ed25519 or ML-DSA-44 key for cosignatures, or a plain
// Ed25519 key, which stands for the one for cosignatures.
func NewKey(text string) (*Key, error) {
	if converted, err := cosignature.VKeyToCosignatureV1(text); err == nil {
		text = converted
	}
	v, err := cosignature.NewVerifierForCosignatureV1(text)
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(text, fmt.Sprintf("%s+%08x+", v.Name(), v.KeyHash())) {
		return nil, errors.New("the hash is not the key's")
	}
	return &Key{verifier: v}, nil
}

// Name returns the witness's name.
func (k *Key) Name() string { return k.verifier.Name() }

// Cosignature is what a witness has put below a checkpoint.
type Cosignature struct {
	Time time.Time
	line string
}

// Verify returns the witness's cosignature of a checkpoint. It fails with ErrNoCosignature or ErrCosignature. Whether the log has signed
// the checkpoint is not looked at.
func (k *Key) Verify(checkpoint []byte) (c Cosignature, err error) {
	var (
		none    *note.UnverifiedNoteError
		invalid *note.InvalidSignatureError
	)
	n, err := note.Open(checkpoint, note.VerifierList(k.verifier))
	switch {
	case errors.As(err, &none):
		return c, ErrNoCosignature
	case errors.As(err, &invalid):
		return c, ErrCosignature
	case err != nil:
		return c, fmt.Errorf("%w: %w", ErrNoCosignature, err)
	}
	if c.Time, err = cosignature.CoSigV1Timestamp(n.Sigs[0]); err != nil || c.Time.Unix() < 0 {
		return c, fmt.Errorf("%w: it has no time", ErrCosignature)
	}
	c.Time, c.line = c.Time.UTC(), fmt.Sprintf("— %s %s\n", n.Sigs[0].Name, n.Sigs[0].Base64)
	return c, nil
}
