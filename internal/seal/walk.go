package seal

import (
	"bytes"
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

// page is entries that were read together.
type page struct {
	entries []entry
	foreign []string // ids of entries that are none of ours
	err     error
}

// entries reads all audit entries by id, ahead of who asks for them in the order in which they were sealed, which is nearly the same.
type entries struct {
	pages <-chan (<-chan page)
	ahead map[uuid.UUID]entry
	begun bool
	last  uuid.UUID // all up to this one have been read, once reading has begun

	foreign []string // ids of entries that are none of ours, no more than maxFindings
	more    int      // further ones
}

// readEntries begins to read, so many pages at once. Reading ends with ctx.
func readEntries(ctx context.Context, s *store.Store, readers int, lines bool) *entries {
	pages := make(chan (<-chan page), readers)
	free := make(chan struct{}, readers)
	go func() {
		defer close(pages)
		from := span{operator: ">=", after: uuid.Nil.String()}
		if s.Embedded() {
			from.after = "" // which also sorts before ids that are none of ours
		}
		for end := false; !end; {
			read := make(chan page, 1)
			select {
			case free <- struct{}{}:
			case <-ctx.Done():
				return
			}
			upTo, err := from.end(ctx, s)
			from.upTo, end = upTo, upTo == "" || err != nil
			go func(of span) {
				defer func() { <-free }()
				p := page{err: err}
				if err == nil {
					p = of.read(ctx, s, lines)
				}
				read <- p
			}(from)
			select {
			case pages <- read:
			case <-ctx.Done():
				return
			}
			from = span{operator: ">", after: upTo}
		}
	}()
	return &entries{pages: pages, ahead: map[uuid.UUID]entry{}}
}

// span is the entries whose ids are after, as the operator has it, a text, up to another, or to the end if that is empty.
type span struct{ operator, after, upTo string }

// where returns the condition for the span. On the embedded database it leaves out entries whose ids are no text.
func (p span) where(s *store.Store) (condition string, args []any) {
	condition, args = "id "+p.operator+" $1", []any{p.after}
	if p.upTo != "" {
		condition, args = condition+" AND id <= $2", append(args, p.upTo)
	}
	if s.Embedded() {
		condition += " AND id < x''"
	}
	return condition, args
}

// end returns the last id of a page that begins where the span does; "" if there are no more entries than go into one.
func (p span) end(ctx context.Context, s *store.Store) (last string, err error) {
	where, args := p.where(s)
	query := fmt.Sprintf(`SELECT id FROM audit_entries WHERE %s ORDER BY id LIMIT 1 OFFSET %d`, where, pageSize-1)
	err = s.Read(store.Slow(ctx), query, args, func(rows *sql.Rows) error { return rows.Scan(&last) })
	return last, err
}

// read returns the span's entries.
func (p span) read(ctx context.Context, s *store.Store, lines bool) page {
	var (
		found  = page{entries: make([]entry, 0, pageSize)}
		r      = newRow()
		buffer []byte
	)
	where, args := p.where(s)
	query := fmt.Sprintf(`SELECT %s FROM audit_entries WHERE %s ORDER BY id`, strings.Join(columns[:], ", "), where)
	found.err = s.Read(store.Slow(ctx), query, args, func(rows *sql.Rows) error {
		if err := r.scan(rows); err != nil {
			return err
		}
		text := r.texts[idColumn].String
		id, ok := parseID(text)
		if !ok {
			found.foreign = append(found.foreign, text)
			return nil
		}
		buffer = r.appendTo(buffer[:0])
		e := entry{id: id, hash: leafHash(buffer), occurred: r.time.V}
		if lines {
			e.line = slices.Clone(buffer)
		}
		found.entries = append(found.entries, e)
		return nil
	})
	return found
}

// countNotText returns how many entries the embedded database has whose ids are no text.
func countNotText(ctx context.Context, s *store.Store) (n int, err error) {
	if !s.Embedded() {
		return 0, nil
	}
	err = s.Read(store.Slow(ctx), `SELECT count(*) FROM audit_entries WHERE id < '' OR id >= x''`, nil, func(rows *sql.Rows) error {
		return rows.Scan(&n)
	})
	return n, err
}

// take returns the entry of the id; ok is false if there is none.
func (e *entries) take(ctx context.Context, id uuid.UUID) (found entry, ok bool, err error) {
	for {
		if found, ok = e.ahead[id]; ok {
			delete(e.ahead, id)
			return found, true, nil
		}
		if e.begun && compareIDs(e.last, id) >= 0 {
			return entry{}, false, nil
		}
		more, err := e.next(ctx)
		if err != nil || !more {
			return entry{}, false, err
		}
	}
}

// next reads a page more; more is false if there is none.
func (e *entries) next(ctx context.Context) (more bool, err error) {
	e.begun = true
	read, more := <-e.pages
	if !more {
		e.last = uuid.Max
		return false, ctx.Err()
	}
	p := <-read
	if p.err != nil {
		return false, p.err
	}
	known := min(len(p.foreign), maxFindings-len(e.foreign))
	e.foreign = append(e.foreign, p.foreign[:known]...)
	e.more += len(p.foreign) - known
	for _, found := range p.entries {
		e.ahead[found.id] = found
		if compareIDs(found.id, e.last) > 0 {
			e.last = found.id
		}
	}
	return true, nil
}

// compareIDs returns how the ids sort, which both databases do the same.
func compareIDs(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) }

// rest returns the entries that nobody has taken.
func (e *entries) rest(ctx context.Context) (map[uuid.UUID]entry, error) {
	for {
		if more, err := e.next(ctx); err != nil || !more {
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
