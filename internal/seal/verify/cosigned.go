package verify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/paddock-gate/paddock/internal/seal/checkpoint"
	"github.com/paddock-gate/paddock/internal/witness"
)

var (
	// ErrNotCosigned means that the witness has cosigned none of the checkpoints that there are.
	ErrNotCosigned = errors.New("no checkpoint is cosigned")
	// ErrDisputed means that the witness has, when a server asked it last, seen another seal than there is.
	ErrDisputed = errors.New("the witness disputes the seal of the audit trail")
)

// Cosigned is the newest checkpoint that a witness has cosigned; the zero value if there is none.
type Cosigned struct {
	Witness string
	Time    time.Time
	Size    int64
	Signed  string // the checkpoint
}

// readCosigned reads what the witness has cosigned, if there is one.
func (v *verification) readCosigned(ctx context.Context, o Options) (err error) {
	if o.Witness != nil {
		v.witnessed, err = checkpoint.ReadNewest(ctx, v.store)
	}
	return err
}

// openCosigned finds the newest cosigned checkpoint, in the database or among those from outside of it, which were opened before. What is
// wrong with any is kept as an error, beside which the rest is verified.
func (v *verification) openCosigned(o Options) error {
	if o.Witness == nil {
		return nil
	}
	n := v.witnessed
	if n.Fault != "" {
		v.dispute(fmt.Errorf("%w: %s", ErrDisputed, n.Fault))
	}
	if text := []byte(n.Cosigned.Signed); len(text) > 0 {
		c, err := checkpoint.Open(text, o.Keys)
		if err == nil {
			if err := v.old.compareOne(c.Tree); err != nil {
				return err
			}
			err = v.addCosigned(c, text, o.Witness)
		}
		v.dispute(err)
	}
	if v.report.Cosigned.Signed == "" {
		v.dispute(fmt.Errorf("%w by %s", ErrNotCosigned, o.Witness.Name()))
	}
	return nil
}

// dispute keeps an error, if it is one.
func (v *verification) dispute(err error) { v.disputed = errors.Join(v.disputed, err) }

// addCosigned keeps a checkpoint in the report if it is the newest cosigned one. It fails if it has a cosignature that does not verify.
func (v *verification) addCosigned(c checkpoint.Checkpoint, signed []byte, w *witness.Key) error {
	if w == nil {
		return nil
	}
	given, err := w.Verify(signed)
	switch {
	case errors.Is(err, witness.ErrNoCosignature):
		return nil
	case err != nil:
		return fmt.Errorf("checkpoint of %d entries, %s: %w", c.N, c.Hash, err)
	}
	known := &v.report.Cosigned
	if known.Signed == "" || c.N > known.Size || c.N == known.Size && given.Time.After(known.Time) {
		*known = Cosigned{Witness: w.Name(), Time: given.Time, Size: c.N, Signed: string(signed)}
	}
	return nil
}
