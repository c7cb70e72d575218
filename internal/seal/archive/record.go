// Package archive reads and records archives of the audit trail: files with entries that are sealed, which may be deleted from the database
// when they are old enough. It deletes them.
package archive

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/internal/seal/checkpoint"
	"github.com/paddock-gate/paddock/internal/seal/leaf"
	"github.com/paddock-gate/paddock/internal/store"
)

// Record is what is signed of a file that has the entries from a position on, up to the size of a tree.
type Record struct {
	Origin  string
	First   int64
	Tree    tlog.Tree
	IDs     [sha256.Size]byte // of the ids of all entries of the tree, in their order
	File    [sha256.Size]byte // of the file
	Through uuid.UUID         // no entry up to this id was outside of archives
}

// The second line is no number, so that this is no checkpoint.
const recordText = "%s\naudit archive\nfirst %d\nsize %d\nroot %s\nids %s\nfile %s\nthrough %s\n"

// String returns the text that is signed.
func (a Record) String() string {
	return fmt.Sprintf(recordText, a.Origin, a.First, a.Tree.N, a.Tree.Hash, hex.EncodeToString(a.IDs[:]), hex.EncodeToString(a.File[:]), a.Through)
}

// ErrMeanwhile means that the same entries have been archived meanwhile.
var ErrMeanwhile = errors.New("the same entries have been archived meanwhile")

var errNoRecord = errors.New("it is no record of an archive")

// open returns what one of the keys has signed.
func open(signed string, keys checkpoint.Verifiers) (a Record, err error) {
	text, err := checkpoint.OpenText([]byte(signed), keys)
	if err != nil {
		return a, err
	}
	var root, ids, file, through string
	if _, err := fmt.Sscanf(text, recordText, &a.Origin, &a.First, &a.Tree.N, &root, &ids, &file, &through); err != nil {
		return a, errNoRecord
	}
	var failed [4]error
	a.Tree.Hash, failed[0] = tlog.ParseHash(root)
	_, failed[1] = hex.Decode(a.IDs[:], []byte(ids[:min(len(ids), 2*len(a.IDs))]))
	_, failed[2] = hex.Decode(a.File[:], []byte(file[:min(len(file), 2*len(a.File))]))
	a.Through, failed[3] = uuid.Parse(through)
	if errors.Join(failed[:]...) != nil || a.String() != text || a.First < 0 || a.Tree.N <= a.First {
		return a, errNoRecord
	}
	return a, nil
}

// Insert records the archive, signed with the key. It fails with ErrMeanwhile if one is recorded that begins at the same position.
func (a Record) Insert(ctx context.Context, tx *db.Tx, key *checkpoint.Key) error {
	signed, err := key.SignText(a.String())
	if err != nil {
		return err
	}
	n, err := store.Exec(ctx, tx, `INSERT INTO audit_archives (id, size, through, record, archived_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT DO NOTHING`, rowID(a.First), a.Tree.N, a.Through, signed, store.Now())
	if err == nil && n == 0 {
		err = ErrMeanwhile
	}
	return err
}

// rowID returns the id of the row of an archive that begins at the position.
func rowID(first int64) string { return fmt.Sprintf("%012d", first) }

// Records are those that are recorded, by position.
type Records []Record

// Read returns the archives, and in which way others that are recorded are not what was signed.
func Read(ctx context.Context, s *store.Store, keys checkpoint.Verifiers) (found Records, faults []error, err error) {
	const query = `SELECT id, size, through, record FROM audit_archives ORDER BY id`
	err = s.Read(ctx, query, nil, func(row store.Row) error {
		var (
			id, record string
			size       int64
			through    any
		)
		if err := row.Scan(&id, &size, &through, &record); err != nil {
			return err
		}
		a, err := open(record, keys)
		if said, _ := leaf.ParseID(through); err == nil && (rowID(a.First) != id || a.Tree.N != size || a.Through != said) {
			err = errNoRecord
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("the record of archive %q: %w", id, err))
			return nil
		}
		found = append(found, a)
		return nil
	})
	return found, faults, err
}

// Size returns up to which position all entries are archived.
func (as Records) Size() (n int64) {
	for _, a := range as {
		if a.First <= n {
			n = max(n, a.Tree.N)
		}
	}
	return n
}

// Through returns up to which id no entry was outside of archives.
func (as Records) Through() (last uuid.UUID) {
	for _, a := range as {
		if leaf.CompareIDs(a.Through, last) > 0 {
			last = a.Through
		}
	}
	return last
}

// Trees returns the trees of the archives.
func (as Records) Trees() []tlog.Tree {
	trees := make([]tlog.Tree, len(as))
	for i, a := range as {
		trees[i] = a.Tree
	}
	return trees
}

// Has reports whether the entry at the position is archived.
func (as Records) Has(position int64) bool {
	for _, a := range as {
		if a.First <= position && position < a.Tree.N {
			return true
		}
	}
	return false
}
