package seal

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/paddock-gate/paddock/internal/store"
)

const (
	// pageSize is how many entries one query reads.
	pageSize = 4096
	// pageTiles is how many tiles.
	pageTiles = 32
)

// entry is an audit entry as it is now.
type entry struct {
	id       uuid.UUID
	hash     tlog.Hash // of the leaf that it makes
	occurred time.Time
	line     []byte // its encoding, if that was asked for
}

// entries reads all audit entries by id, ahead of who asks for them in the order in which they were sealed, which is nearly the same.
type entries struct {
	pages <-chan []entry
	err   error // set before pages is closed
	ahead map[uuid.UUID]entry
	last  uuid.UUID // all up to this one have been read
}

// readEntries begins to read. Reading ends with ctx.
func readEntries(ctx context.Context, s *store.Store, lines bool) *entries {
	pages := make(chan []entry, 2)
	e := &entries{pages: pages, ahead: map[uuid.UUID]entry{}}
	go func() {
		defer close(pages)
		after := uuid.Nil.String()
		for {
			page, last, err := readPage(ctx, s, after, lines)
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				e.err = err
				return
			}
			if len(page) == 0 {
				return
			}
			after = last
			select {
			case pages <- page:
			case <-ctx.Done():
				e.err = ctx.Err()
				return
			}
		}
	}()
	return e
}

var entriesAfter = fmt.Sprintf(`SELECT %s FROM audit_entries WHERE id > $1 ORDER BY id LIMIT %d`, strings.Join(columns[:], ", "), pageSize)

// readPage returns the entries after an id, and the last one's.
func readPage(ctx context.Context, s *store.Store, after string, lines bool) (page []entry, last string, err error) {
	page = make([]entry, 0, pageSize)
	r, buffer := newRow(), []byte(nil)
	err = s.Read(store.Slow(ctx), entriesAfter, []any{after}, func(rows *sql.Rows) error {
		if err := r.scan(rows); err != nil {
			return err
		}
		buffer = r.appendTo(buffer[:0])
		e := entry{id: r.id(), hash: leafHash(buffer), occurred: r.time.V}
		if lines {
			e.line = slices.Clone(buffer)
		}
		page, last = append(page, e), r.texts[idColumn].String
		return nil
	})
	return page, last, err
}

// take returns the entry of the id; ok is false if there is none.
func (e *entries) take(id uuid.UUID) (found entry, ok bool, err error) {
	for {
		if found, ok = e.ahead[id]; ok {
			delete(e.ahead, id)
			return found, true, nil
		}
		if slices.Compare(e.last[:], id[:]) >= 0 {
			return entry{}, false, nil
		}
		more, err := e.next()
		if err != nil || !more {
			return entry{}, false, err
		}
	}
}

// next reads a page more; more is false if there is none.
func (e *entries) next() (more bool, err error) {
	page, more := <-e.pages
	if !more {
		e.last = uuid.Max
		return false, e.err
	}
	for _, found := range page {
		e.ahead[found.id] = found
		if slices.Compare(found.id[:], e.last[:]) > 0 {
			e.last = found.id
		}
	}
	return true, nil
}

// rest returns the entries that nobody has taken.
func (e *entries) rest() (map[uuid.UUID]entry, error) {
	for {
		if more, err := e.next(); err != nil || !more {
			return e.ahead, err
		}
	}
}

// leaf is an entry as it was sealed.
type leaf struct {
	position int64
	id       uuid.UUID
	hash     tlog.Hash
}

// readLeaves hands the leaves at the positions below size to use.
func readLeaves(ctx context.Context, s *store.Store, size int64, use func(leaf) error) error {
	for first := int64(0); first*tileWidth < size; first += pageTiles {
		ids, err := readTiles(ctx, s, idLevel, first, pageTiles)
		if err != nil {
			return err
		}
		hashes, err := readTiles(ctx, s, 0, first, pageTiles)
		if err != nil {
			return err
		}
		for position := first * tileWidth; position < min(size, (first+pageTiles)*tileWidth); position++ {
			number, n := position/tileWidth, int(position%tileWidth)
			of, hash := ids[number], hashes[number]
			if len(of) < (n+1)*len(uuid.UUID{}) || len(hash) < (n+1)*tlog.HashSize {
				return fmt.Errorf("%w: that of position %d", errTiles, position)
			}
			if err := use(leaf{position, idAt(of, n), hashAt(hash, n)}); err != nil {
				return err
			}
		}
	}
	return nil
}

// readTiles returns the data of the tiles of a level by number, of so many from the first.
func readTiles(ctx context.Context, s *store.Store, level int, first, count int64) (map[int64][]byte, error) {
	tiles := make(map[int64][]byte, count)
	from, to := tileKey{level, first}.id(), tileKey{level, first + count}.id()
	err := s.Read(store.Slow(ctx), `SELECT id, data FROM seal_tiles WHERE id >= $1 AND id < $2`, []any{from, to}, func(rows *sql.Rows) error {
		var (
			id     string
			data   []byte
			number int64
		)
		if err := rows.Scan(&id, &data); err != nil {
			return err
		}
		if _, err := fmt.Sscanf(id[strings.IndexByte(id, '/')+1:], "%d", &number); err != nil {
			return err
		}
		tiles[number] = data
		return nil
	})
	return tiles, err
}
