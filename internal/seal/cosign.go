package seal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/internal/seal/checkpoint"
	"github.com/paddock-gate/paddock/internal/seal/leaf"
	"github.com/paddock-gate/paddock/internal/seal/tiles"
	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/witness"
)

var (
	// ErrRolledBack means that the witness has cosigned a checkpoint of more entries than are sealed.
	ErrRolledBack = errors.New("the witness has cosigned more entries than are sealed")
	// ErrNotContinued means that the witness has cosigned a checkpoint that the seal does not continue.
	ErrNotContinued = errors.New("the witness has cosigned a checkpoint that the seal is no continuation of")
)

const (
	// cosignTurn is how long a process has the turn to ask the witness: longer than it takes.
	cosignTurn = 40 * time.Second
	// mostAsked bounds asking, which takes up to two requests.
	mostAsked = 25 * time.Second
	// maxCosignWait is the longest time between two attempts, while the witness does not cosign.
	maxCosignWait = time.Minute
	// cosignInterval is how often the witness is asked although nothing is new: an older backup may have been restored.
	cosignInterval = time.Hour
)

// cosigner is who has checkpoints cosigned. Its turn is one of its own, so that a request may take longer than a sealer's.
type cosigner struct {
	client   *witness.Client
	answered time.Time // when the witness has last cosigned a checkpoint for this process
	failures int       // of attempts of this process, since a checkpoint was cosigned
	failed   string    // the kind of the last of them, as it was logged
}

// SetWitness has checkpoints cosigned by a witness. It must be called before Run and Cosign.
func (s *Sealer) SetWitness(w *witness.Client) { s.cosigner = &cosigner{client: w} }

// Cosign has the newest checkpoint cosigned by the witness and returns it; "" if it is already, or another process has the turn to seal
// or to ask.
func (s *Sealer) Cosign(ctx context.Context) (signed string, err error) {
	ctx = store.SumsOnly(ctx)
	n, err := checkpoint.ReadNewest(ctx, s.store)
	if err != nil {
		return "", err
	}
	c := s.cosigner
	if !c.due(n) {
		c.failures, c.failed = 0, ""
		return "", nil
	}
	if mine, err := s.takeCosignTurn(ctx); err != nil || !mine {
		return "", err
	}
	signed, size, err := s.askWitness(ctx, n)
	if err != nil && ctx.Err() == nil {
		c.failures++
	} else if signed != "" {
		c.answered, c.failures, c.failed = time.Now(), 0, ""
	}
	return signed, errors.Join(err, s.keepAnswer(ctx, signed, size, err))
}

// due reports whether the witness is to be asked.
func (c *cosigner) due(n checkpoint.Newest) bool {
	return n.Head.Signed != "" && (n.Head.Size != n.Cosigned.Size || n.Fault != "" || time.Since(c.answered) > cosignInterval)
}

// takeCosignTurn reports whether this process may ask: unless another does, or has the turn to seal.
func (s *Sealer) takeCosignTurn(ctx context.Context) (mine bool, err error) {
	now, err := checkpoint.Now(ctx, s.store)
	if err != nil {
		return false, err
	}
	var n int64
	err = s.log.Unaudited(ctx, "take the turn to ask the witness", func(ctx context.Context, tx *db.Tx) error {
		n, err = store.Exec(ctx, tx, `INSERT INTO seals (id, size, checkpoint, sealed_at, holder, held_until, verified_size, fault)
			VALUES ('witness', 0, '', $1, $2, $3, 0, '') ON CONFLICT (id) DO UPDATE SET holder = excluded.holder, held_until = excluded.held_until
			WHERE seals.held_until <= $1 AND NOT EXISTS (SELECT 1 FROM seals AS s WHERE s.id = 'audit' AND s.holder <> $2 AND s.held_until > $1)`,
			now, s.id, now.Add(cosignTurn))
		return err
	})
	return err == nil && n > 0, err
}

// askWitness has the checkpoint of the head cosigned and returns it, and its size; "" if there is a newer one by now.
func (s *Sealer) askWitness(ctx context.Context, n checkpoint.Newest) (signed string, size int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, mostAsked)
	defer cancel()
	said, err := checkpoint.Open([]byte(n.Head.Signed), s.key.Verifiers())
	if err != nil {
		return "", 0, err
	}
	old := n.Cosigned.Size
	if old < 0 || old > said.N {
		old = 0 // which the witness puts right
	}
	for range 2 {
		proof, err := tiles.Prove(ctx, s.store, said.Tree, old)
		if err != nil {
			return "", 0, err
		}
		signed, _, err := s.cosigner.client.Cosign(ctx, old, proof, n.Head.Signed)
		var other *witness.SizeError
		switch {
		case errors.Is(err, witness.ErrProof):
			return "", 0, fmt.Errorf("%w: of %d entries, of which there are %d", ErrNotContinued, old, said.N)
		case !errors.As(err, &other):
			return signed, said.N, err
		case other.Size > said.N:
			return "", 0, s.rolledBack(ctx, other.Size)
		case other.Size == old && old == said.N:
			return "", 0, fmt.Errorf("%w: of %d entries, of which there are as many", ErrNotContinued, old)
		}
		old = other.Size
	}
	return "", 0, fmt.Errorf("%w: it does not take the size that it has told", witness.ErrAnswer)
}

// rolledBack returns an error unless as many entries as the witness has cosigned are sealed by now.
func (s *Sealer) rolledBack(ctx context.Context, cosigned int64) error {
	h, err := checkpoint.ReadHead(ctx, s.store)
	if err != nil || h.Size >= cosigned {
		return err
	}
	return fmt.Errorf("%w: %d, and there are %d", ErrRolledBack, cosigned, h.Size)
}

// keepAnswer keeps what the witness has cosigned, or that it disputes the seal, and ends the turn: after failures somewhat later.
func (s *Sealer) keepAnswer(ctx context.Context, signed string, size int64, asked error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastSeal)
	defer cancel()
	now, err := checkpoint.Now(ctx, s.store)
	if err != nil {
		return err
	}
	until := now
	if n := s.cosigner.failures; asked != nil && n > 0 {
		until = now.Add(min(interval<<min(n, 10), maxCosignWait))
	}
	return s.log.Unaudited(ctx, "keep what the witness has answered", func(ctx context.Context, tx *db.Tx) error {
		const mine = ` WHERE id = 'witness' AND holder = $2`
		switch {
		case signed != "":
			return store.Send(ctx, tx, `UPDATE seals SET held_until = $1, sealed_at = $1, size = $3, checkpoint = $4, fault = ''`+mine, until, s.id, size, signed)
		case disputes(asked):
			return store.Send(ctx, tx, `UPDATE seals SET held_until = $1, fault = $3`+mine, until, s.id, asked.Error())
		default:
			return store.Send(ctx, tx, `UPDATE seals SET held_until = $1`+mine, until, s.id)
		}
	})
}

// disputes reports whether an error of asking means that the witness has seen another seal than there is.
func disputes(err error) bool {
	return errors.Is(err, ErrRolledBack) || errors.Is(err, ErrNotContinued)
}

// CosignLag returns how long the oldest sealed entry has waited for a cosigned checkpoint; 0 if none waits.
func (s *Sealer) CosignLag(ctx context.Context) (time.Duration, error) {
	n, err := checkpoint.ReadNewest(ctx, s.store)
	if err != nil || n.Cosigned.Size >= n.Head.Size {
		return 0, err
	}
	position := max(n.Cosigned.Size, 0)
	ids, err := tiles.ReadIDs(ctx, s.store, position/tiles.Width)
	if err != nil {
		return 0, err
	}
	at := int(position % tiles.Width)
	if at >= len(ids) {
		return 0, tiles.ErrMissing
	}
	return leaf.Age(ids[at]), nil
}

// Disputed reports whether the witness has, when it was asked last, seen another seal than there is.
func (s *Sealer) Disputed(ctx context.Context) (bool, error) {
	n, err := checkpoint.ReadNewest(ctx, s.store)
	return n.Fault != "", err
}
