// Package seal makes changes of the audit trail evident: it appends the hash of each committed entry to a Merkle tree and signs the
// tree's root, in the public formats of transparency logs (C2SP tlog-tiles, tlog-checkpoint and signed notes). Whoever has kept a
// checkpoint can prove later that no entry before it was changed, deleted, inserted or moved.
//
// Entries are appended off the path of requests, in an order that is decided then: ids are no order of commits. A trigger notes each
// entry in unsealed_entries as it is written, so that late commits are not missed.
//
// The packages below it have the parts: leaf what is sealed of an entry, tiles the tree, checkpoint what is signed, cosign who asks the
// witness, archive the files whose entries may be deleted. Package verify compares the entries with all of these, and export writes what
// is sealed into files.
package seal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/internal/audit"
	"github.com/paddock-gate/paddock/internal/seal/checkpoint"
	"github.com/paddock-gate/paddock/internal/seal/cosign"
	"github.com/paddock-gate/paddock/internal/seal/leaf"
	"github.com/paddock-gate/paddock/internal/seal/tiles"
	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/witness"
)

// errFenced means that another sealer has sealed meanwhile.
var errFenced = errors.New("another sealer has sealed meanwhile")

const (
	// batchSize bounds the entries of one transaction, which holds up SQLite's one writer.
	batchSize = 4000
	// turn is how long a sealer has the turn, beginning with each batch.
	turn = 3 * time.Second
)

// Sealer seals one audit trail. Several may, also in different processes: they take turns, and one that was paused in its own
// cannot write.
type Sealer struct {
	store  *store.Store
	log    *audit.Log
	key    *checkpoint.Key
	logger *slog.Logger
	id     uuid.UUID
	until  time.Time // end of the turn

	seen       sync.Mutex // protects the rest of what was seen sealed
	last       tlog.Tree
	lastSigned string

	verifyTook time.Duration // the last check of all entries

	cosigner *cosign.Cosigner // nil without a witness
}

// New returns a sealer of the log in the store.
func New(s *store.Store, log *audit.Log, key *checkpoint.Key) *Sealer {
	return &Sealer{store: s, log: log, key: key, logger: slog.Default(), id: uuid.New()}
}

// SetWitness has checkpoints cosigned by a witness, while the sealer runs, and returns who asks it. It must be called before Run.
func (s *Sealer) SetWitness(w *witness.Client) *cosign.Cosigner {
	s.cosigner = cosign.New(s.store, s.log, s.key.Verifiers(), s.id, w)
	return s.cosigner
}

// Seal seals the entries that wait, in several transactions if they are many, and returns the checkpoint, or "" if none waits or it is
// another sealer's turn. After some seconds it leaves the rest to the next call.
func (s *Sealer) Seal(ctx context.Context) (signed string, err error) {
	ctx = store.SumsOnly(ctx) // what is remembered of users and keys stays
	for began := time.Now(); time.Since(began) < interval; {
		waits, err := s.waits(ctx)
		if err != nil || !waits {
			return signed, err
		}
		mine, err := s.takeTurn(ctx)
		if err != nil || !mine {
			return signed, err
		}
		b, err := s.prepare(ctx)
		if err != nil {
			return signed, errors.Join(err, s.giveTurn(ctx))
		}
		if len(b.sealed) == 0 {
			return signed, nil
		}
		if err := s.commit(ctx, b); err != nil {
			if errors.Is(err, errFenced) {
				s.until = time.Time{}
				return signed, nil
			}
			return signed, err
		}
		signed = b.signed
		if len(b.sealed) < batchSize {
			break
		}
	}
	return signed, nil
}

// waits reports whether an entry waits to be sealed.
func (s *Sealer) waits(ctx context.Context) (found bool, err error) {
	err = s.store.Read(ctx, `SELECT 1 FROM unsealed_entries ORDER BY id LIMIT 1`, nil, func(store.Row) error {
		found = true
		return nil
	})
	return found, err
}

// takeTurn reports whether it is this sealer's turn. It need not be asked for again before until.
func (s *Sealer) takeTurn(ctx context.Context) (mine bool, err error) {
	began := time.Now()
	if began.Before(s.until) {
		return true, nil
	}
	now, err := checkpoint.Now(ctx, s.store)
	if err != nil {
		return false, err
	}
	var n int64
	err = s.log.Unaudited(ctx, "take the turn to seal", func(ctx context.Context, tx *db.Tx) error {
		n, err = store.Exec(ctx, tx, `INSERT INTO seals (id, size, checkpoint, sealed_at, holder, held_until, verified_size, fault)
			VALUES ('audit', 0, '', $1, $2, $3, 0, '') ON CONFLICT (id) DO UPDATE SET holder = excluded.holder, held_until = excluded.held_until
			WHERE seals.holder = excluded.holder OR seals.held_until <= excluded.sealed_at`, now, s.id, now.Add(turn))
		return err
	})
	if err != nil || n == 0 {
		return false, err
	}
	s.until = began.Add(turn / 2)
	return true, nil
}

// giveTurn ends this sealer's turn, so that another may try what it cannot do.
func (s *Sealer) giveTurn(ctx context.Context) error {
	s.until = time.Time{}
	return s.log.Unaudited(ctx, "give the turn to seal", func(ctx context.Context, tx *db.Tx) error {
		return store.Send(ctx, tx, `UPDATE seals SET held_until = sealed_at WHERE id = 'audit' AND holder = $1`, s.id)
	})
}

// batch is entries to be sealed by one transaction.
type batch struct {
	from   int64 // the size before
	to     tlog.Tree
	signed string
	sealed []any                // the ids, as they wait
	tiles  map[tiles.Key][]byte // those to write
}

// prepare reads entries that wait and what they are appended to, without a transaction: commit finds out if another was quicker.
func (s *Sealer) prepare(ctx context.Context) (batch, error) {
	b := batch{tiles: map[tiles.Key][]byte{}}
	last, _ := s.lastSeen()
	h, err := checkpoint.ReadHead(ctx, s.store)
	if err != nil {
		return b, err
	}
	t, err := s.load(ctx, h, last)
	if err != nil {
		return b, err
	}
	b.from = t.Size
	t.Full = func(key tiles.Key, data []byte) { b.tiles[key] = data }
	if b.sealed, err = s.appendWaiting(ctx, t); err != nil || len(b.sealed) == 0 {
		return b, err
	}
	maps.Copy(b.tiles, t.Tiles)
	b.to.N = t.Size
	if b.to.Hash, err = t.Root(); err != nil {
		return b, err
	}
	b.signed, err = s.key.Sign(b.to)
	return b, err
}

// waitingEntries returns the query for the oldest entries that wait. It must not scan the table of entries, as PostgreSQL would where it
// took that for small, or the limit for a tenth of all that wait.
func waitingEntries(embedded bool) string {
	names := leaf.Columns("a.")
	join := "audit_entries AS a ON a.id = u.id"
	if !embedded {
		join = "LATERAL (SELECT * FROM audit_entries WHERE id = u.id OFFSET 0) AS a ON true"
	}
	return fmt.Sprintf(`SELECT u.id, %s FROM (SELECT id FROM unsealed_entries ORDER BY id LIMIT %d) AS u LEFT JOIN %s ORDER BY u.id`,
		names, batchSize, join)
}

// appendWaiting appends entries that wait, the oldest first, and returns their ids. One that nobody can read, as somebody may have put
// into the embedded database, is sealed as missing: it must not hold up the others.
func (s *Sealer) appendWaiting(ctx context.Context, t *tiles.Tree) (ids []any, err error) {
	var (
		r       = leaf.NewRow()
		waiting any
		line    []byte
	)
	err = s.store.Read(store.Slow(ctx), waitingEntries(s.store.Embedded()), nil, func(row store.Row) error {
		if err := r.Scan(row, &waiting); err != nil {
			return err
		}
		id, ok := leaf.ParseID(waiting)
		_, there := r.ID()
		_, timed := r.Time()
		if ok && there && timed {
			line = r.AppendTo(line[:0])
		} else {
			line = leaf.AppendMissing(line[:0], id)
		}
		if ok {
			ids = append(ids, id)
		} else {
			ids = append(ids, waiting)
		}
		t.Append(id, leaf.Hash(line))
		return nil
	})
	return ids, err
}

// commit makes the batch the seal's, unless that has another size by now or the turn is over.
func (s *Sealer) commit(ctx context.Context, b batch) error {
	began := time.Now()
	now, err := checkpoint.Now(ctx, s.store)
	if err != nil {
		return err
	}
	write := func(remove func(context.Context, *db.Tx, []any) error) error {
		return s.log.Unaudited(ctx, "seal the audit trail", func(ctx context.Context, tx *db.Tx) error {
			if err := s.append(ctx, tx, b, now); err != nil {
				return err
			}
			return remove(ctx, tx, b.sealed)
		})
	}
	if !s.store.Embedded() {
		err = write(removeArray)
	} else if err = write(removeRange); errors.Is(err, errBetween) {
		err = write(removeEach)
	}
	if err != nil {
		return err
	}
	s.see(b.to, b.signed)
	s.until = began.Add(turn / 2)
	return nil
}

// append writes the new head and the tiles.
func (s *Sealer) append(ctx context.Context, tx *db.Tx, b batch, now time.Time) error {
	n, err := store.Exec(ctx, tx, `UPDATE seals SET size = $1, checkpoint = $2, sealed_at = $3, held_until = $4
		WHERE id = 'audit' AND size = $5 AND holder = $6`, b.to.N, b.signed, now, now.Add(turn), b.from, s.id)
	if err != nil {
		return err
	}
	if n == 0 {
		return errFenced
	}
	for key, data := range b.tiles {
		err := store.Send(ctx, tx, `INSERT INTO seal_tiles (id, data) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET data = excluded.data`, key.ID(), data)
		if err != nil {
			return err
		}
	}
	return nil
}
