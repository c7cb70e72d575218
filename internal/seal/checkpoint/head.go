package checkpoint

import (
	"context"
	"time"

	"github.com/paddock-gate/paddock/internal/store"
)

// Head is a checkpoint as a row of the table seals has it.
type Head struct {
	Size   int64
	Signed string
}

// ReadHead returns the newest checkpoint, or the zero one when nothing is sealed.
func ReadHead(ctx context.Context, s *store.Store) (h Head, err error) {
	err = s.Read(ctx, `SELECT size, checkpoint FROM seals WHERE id = 'audit'`, nil, func(row store.Row) error {
		return row.Scan(&h.Size, &h.Signed)
	})
	return h, err
}

// Newest is the newest checkpoint, the newest that is cosigned, and how the witness disputes them.
type Newest struct {
	Head, Cosigned Head
	Fault          string
}

// ReadNewest returns zero values for what there is not.
func ReadNewest(ctx context.Context, s *store.Store) (n Newest, err error) {
	const query = `SELECT id = 'witness', size, checkpoint, fault FROM seals WHERE id IN ('audit', 'witness')`
	err = s.Read(ctx, query, nil, func(row store.Row) error {
		var (
			cosigned bool
			h        Head
			fault    string
		)
		if err := row.Scan(&cosigned, &h.Size, &h.Signed, &fault); err != nil {
			return err
		}
		if cosigned {
			n.Cosigned, n.Fault = h, fault
		} else {
			n.Head = h
		}
		return nil
	})
	return n, err
}

// Now returns the database's time, by which the sealers of all replicas take turns.
func Now(ctx context.Context, s *store.Store) (now time.Time, err error) {
	if s.Embedded() {
		return store.Now(), nil
	}
	err = s.Read(ctx, `SELECT clock_timestamp()`, nil, func(row store.Row) error { return row.Scan(&now) })
	return now.UTC(), err
}
