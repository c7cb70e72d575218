// Package cosign has the newest checkpoint of the audit trail cosigned by a witness (C2SP tlog-witness), beside sealing, and keeps what
// the witness answers.
package cosign

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/internal/audit"
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
	// interval is how often it is looked for new checkpoints.
	interval = 2 * time.Second
	// turn is how long a process has the turn to ask the witness: longer than it takes.
	turn = 40 * time.Second
	// mostAsked bounds asking, which takes up to two requests.
	mostAsked = 25 * time.Second
	// maxWait is the longest time between two attempts, while the witness does not cosign.
	maxWait = time.Minute
	// askInterval is how often the witness is asked although nothing is new: an older backup may have been restored.
	askInterval = time.Hour
	// lastKeep bounds keeping the answer when the server stops.
	lastKeep = 2 * time.Second
)

// Cosigner has checkpoints cosigned. Its turn is one of its own, so that a request may take longer than a sealer's.
type Cosigner struct {
	store  *store.Store
	log    *audit.Log
	keys   checkpoint.Verifiers
	holder uuid.UUID
	client *witness.Client
	logger *slog.Logger

	answered time.Time // when the witness has last cosigned a checkpoint for this process
	failures int       // of attempts of this process, since a checkpoint was cosigned
	failed   string    // the kind of the last of them, as it was logged
}

// New returns who has checkpoints cosigned that one of the keys has signed. The holder is the id of the sealer beside which it asks.
func New(s *store.Store, log *audit.Log, keys checkpoint.Verifiers, holder uuid.UUID, w *witness.Client) *Cosigner {
	return &Cosigner{store: s, log: log, keys: keys, holder: holder, client: w, logger: slog.Default()}
}

// Cosign has the newest checkpoint cosigned by the witness and returns it; "" if it is already, or another process has the turn to seal
// or to ask.
func (c *Cosigner) Cosign(ctx context.Context) (signed string, err error) {
	ctx = store.SumsOnly(ctx)
	n, err := checkpoint.ReadNewest(ctx, c.store)
	if err != nil {
		return "", err
	}
	if !c.due(n) {
		c.failures, c.failed = 0, ""
		return "", nil
	}
	if mine, err := c.takeTurn(ctx); err != nil || !mine {
		return "", err
	}
	signed, size, err := c.ask(ctx, n)
	if err != nil && ctx.Err() == nil {
		c.failures++
	} else if signed != "" {
		c.answered, c.failures, c.failed = time.Now(), 0, ""
	}
	return signed, errors.Join(err, c.keepAnswer(ctx, signed, size, err))
}

// due reports whether the witness is to be asked.
func (c *Cosigner) due(n checkpoint.Newest) bool {
	return n.Head.Signed != "" && (n.Head.Size != n.Cosigned.Size || n.Fault != "" || time.Since(c.answered) > askInterval)
}

// takeTurn reports whether this process may ask: unless another does, or has the turn to seal.
func (c *Cosigner) takeTurn(ctx context.Context) (mine bool, err error) {
	now, err := checkpoint.Now(ctx, c.store)
	if err != nil {
		return false, err
	}
	var n int64
	err = c.log.Unaudited(ctx, "take the turn to ask the witness", func(ctx context.Context, tx *db.Tx) error {
		n, err = store.Exec(ctx, tx, `INSERT INTO seals (id, size, checkpoint, sealed_at, holder, held_until, verified_size, fault)
			VALUES ('witness', 0, '', $1, $2, $3, 0, '') ON CONFLICT (id) DO UPDATE SET holder = excluded.holder, held_until = excluded.held_until
			WHERE (seals.held_until <= $1 OR seals.held_until > $4) AND NOT EXISTS (SELECT 1 FROM seals AS s WHERE s.id = 'audit' AND s.holder <> $2 AND s.held_until > $1)`,
			now, c.holder, now.Add(turn), now.Add(2*turn)) // later than any turn ends: the clock was set back
		return err
	})
	return err == nil && n > 0, err
}

// ask has the checkpoint of the head cosigned and returns it, and its size; "" if there is a newer one by now.
func (c *Cosigner) ask(ctx context.Context, n checkpoint.Newest) (signed string, size int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, mostAsked)
	defer cancel()
	said, err := checkpoint.Open([]byte(n.Head.Signed), c.keys)
	if err != nil {
		return "", 0, err
	}
	old := n.Cosigned.Size
	if old < 0 || old > said.N {
		old = 0 // which the witness puts right
	}
	for range 2 {
		proof, err := tiles.Prove(ctx, c.store, said.Tree, old)
		if err != nil {
			return "", 0, err
		}
		signed, err := c.client.Cosign(ctx, old, proof, n.Head.Signed)
		var other *witness.SizeError
		switch {
		case errors.Is(err, witness.ErrProof):
			return "", 0, fmt.Errorf("%w: of %d entries, of which there are %d", ErrNotContinued, old, said.N)
		case !errors.As(err, &other):
			return signed, said.N, err
		case other.Size > said.N:
			return "", 0, c.rolledBack(ctx, other.Size)
		case other.Size == old && old == said.N:
			return "", 0, fmt.Errorf("%w: of %d entries, of which there are as many", ErrNotContinued, old)
		}
		old = other.Size
	}
	return "", 0, fmt.Errorf("%w: it does not take the size that it has told", witness.ErrAnswer)
}

// rolledBack returns an error unless as many entries as the witness has cosigned are sealed by now.
func (c *Cosigner) rolledBack(ctx context.Context, cosigned int64) error {
	h, err := checkpoint.ReadHead(ctx, c.store)
	if err != nil || h.Size >= cosigned {
		return err
	}
	return fmt.Errorf("%w: %d, and there are %d", ErrRolledBack, cosigned, h.Size)
}

// keepAnswer keeps what the witness has cosigned, or that it disputes the seal, and ends the turn: after failures somewhat later.
func (c *Cosigner) keepAnswer(ctx context.Context, signed string, size int64, asked error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastKeep)
	defer cancel()
	now, err := checkpoint.Now(ctx, c.store)
	if err != nil {
		return err
	}
	until := now
	if n := c.failures; asked != nil && n > 0 {
		until = now.Add(min(interval<<min(n, 10), maxWait))
	}
	return c.log.Unaudited(ctx, "keep what the witness has answered", func(ctx context.Context, tx *db.Tx) error {
		const mine = ` WHERE id = 'witness' AND holder = $2`
		switch {
		case signed != "":
			return store.Send(ctx, tx, `UPDATE seals SET held_until = $1, sealed_at = $1, size = $3, checkpoint = $4, fault = ''`+mine, until, c.holder, size, signed)
		case disputes(asked):
			return store.Send(ctx, tx, `UPDATE seals SET held_until = $1, fault = $3`+mine, until, c.holder, asked.Error())
		default:
			return store.Send(ctx, tx, `UPDATE seals SET held_until = $1`+mine, until, c.holder)
		}
	})
}

// disputes reports whether an error of asking means that the witness has seen another seal than there is.
func disputes(err error) bool {
	return errors.Is(err, ErrRolledBack) || errors.Is(err, ErrNotContinued)
}

// Lag returns how long the oldest sealed entry has waited for a cosigned checkpoint; 0 if none waits.
func (c *Cosigner) Lag(ctx context.Context) (time.Duration, error) {
	n, err := checkpoint.ReadNewest(ctx, c.store)
	if err != nil || n.Cosigned.Size >= n.Head.Size {
		return 0, err
	}
	position := max(n.Cosigned.Size, 0)
	ids, err := tiles.ReadIDs(ctx, c.store, position/tiles.Width)
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
func (c *Cosigner) Disputed(ctx context.Context) (bool, error) {
	n, err := checkpoint.ReadNewest(ctx, c.store)
	return n.Fault != "", err
}
