package seal

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/paddock-gate/paddock/internal/seal/checkpoint"
	"github.com/paddock-gate/paddock/internal/seal/leaf"
	"github.com/paddock-gate/paddock/internal/store"
)

// archive is what is signed of a file that has the entries from a position on, up to the size of a tree.
type archive struct {
	origin  string
	first   int64
	tree    tlog.Tree
	ids     [sha256.Size]byte // of the ids of all entries of the tree, in their order
	file    [sha256.Size]byte // of the file
	through uuid.UUID         // no entry up to this id was outside of archives
}

// The second line is no number, so that this is no checkpoint.
const archiveText = "%s\naudit archive\nfirst %d\nsize %d\nroot %s\nids %s\nfile %s\nthrough %s\n"

func (a archive) String() string {
	return fmt.Sprintf(archiveText, a.origin, a.first, a.tree.N, a.tree.Hash, hex.EncodeToString(a.ids[:]), hex.EncodeToString(a.file[:]), a.through)
}

var errNoArchive = errors.New("it is no record of an archive")

// openArchive returns what one of the keys has signed.
func openArchive(signed string, keys checkpoint.Verifiers) (a archive, err error) {
	n, err := note.Open([]byte(signed), keys)
	if err != nil {
		return a, fmt.Errorf("%w: %w", checkpoint.ErrSignature, err)
	}
	var root, ids, file, through string
	if _, err := fmt.Sscanf(n.Text, archiveText, &a.origin, &a.first, &a.tree.N, &root, &ids, &file, &through); err != nil {
		return a, errNoArchive
	}
	var failed [4]error
	a.tree.Hash, failed[0] = tlog.ParseHash(root)
	_, failed[1] = hex.Decode(a.ids[:], []byte(ids[:min(len(ids), 2*len(a.ids))]))
	_, failed[2] = hex.Decode(a.file[:], []byte(file[:min(len(file), 2*len(a.file))]))
	a.through, failed[3] = uuid.Parse(through)
	if errors.Join(failed[:]...) != nil || a.String() != n.Text || a.first < 0 || a.tree.N <= a.first {
		return a, errNoArchive
	}
	return a, nil
}

// sign returns the archive as a signed note.
func (a archive) sign(k *checkpoint.Key) (string, error) {
	return k.SignText(a.String())
}

// archiveID returns the id of the row of an archive that begins at the position.
func archiveID(first int64) string { return fmt.Sprintf("%012d", first) }

// archives are those that are recorded, by position.
type archives []archive

// readArchives returns the archives, and in which way others that are recorded are not what was signed.
func readArchives(ctx context.Context, s *store.Store, keys checkpoint.Verifiers) (found archives, faults []Finding, err error) {
	const query = `SELECT id, size, through, record FROM audit_archives ORDER BY id`
	err = s.Read(ctx, query, nil, func(rows *sql.Rows) error {
		var (
			id, record string
			size       int64
			through    any
		)
		if err := rows.Scan(&id, &size, &through, &record); err != nil {
			return err
		}
		a, err := openArchive(record, keys)
		if said, _ := leaf.ParseID(through); err == nil && (archiveID(a.first) != id || a.tree.N != size || a.through != said) {
			err = errNoArchive
		}
		if err != nil {
			faults = append(faults, Finding{Kind: Damaged, Position: -1, Detail: fmt.Sprintf("the record of archive %q: %v", id, err)})
			return nil
		}
		found = append(found, a)
		return nil
	})
	return found, faults, err
}

// size returns up to which position all entries are archived.
func (as archives) size() (n int64) {
	for _, a := range as {
		if a.first <= n {
			n = max(n, a.tree.N)
		}
	}
	return n
}

// through returns up to which id no entry was outside of archives.
func (as archives) through() (last uuid.UUID) {
	for _, a := range as {
		if leaf.CompareIDs(a.through, last) > 0 {
			last = a.through
		}
	}
	return last
}

func (as archives) trees() []tlog.Tree {
	trees := make([]tlog.Tree, len(as))
	for i, a := range as {
		trees[i] = a.tree
	}
	return trees
}

// has reports whether the entry at the position is archived.
func (as archives) has(position int64) bool {
	for _, a := range as {
		if a.first <= position && position < a.tree.N {
			return true
		}
	}
	return false
}
