package verify

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/paddock-gate/paddock/internal/seal/leaf"
	"github.com/paddock-gate/paddock/internal/store"
)

// pageSize is how many entries one query reads.
const pageSize = 4096

// Entry is an audit entry as it is now.
type Entry struct {
	ID       uuid.UUID
	Hash     tlog.Hash // of the leaf that it makes
	Occurred time.Time
	Line     []byte // its encoding, if that was asked for
}

// page is entries that were read together.
type page struct {
	entries []Entry
	foreign []string // ids of entries that are none of ours
	err     error
}

// entries reads all audit entries by id, ahead of who asks for them in the order in which they were sealed, which is nearly the same.
type entries struct {
	pages <-chan (<-chan page)
	ahead map[uuid.UUID]Entry
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
	return &entries{pages: pages, ahead: map[uuid.UUID]Entry{}}
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
	err = s.Read(store.Slow(ctx), query, args, func(row store.Row) error { return row.Scan(&last) })
	return last, err
}

// read returns the span's entries.
func (p span) read(ctx context.Context, s *store.Store, lines bool) page {
	var (
		found  = page{entries: make([]Entry, 0, pageSize)}
		r      = leaf.NewRow()
		buffer []byte
	)
	where, args := p.where(s)
	query := fmt.Sprintf(`SELECT %s FROM audit_entries WHERE %s ORDER BY id`, leaf.Columns(""), where)
	found.err = s.Read(store.Slow(ctx), query, args, func(row store.Row) error {
		if err := r.Scan(row); err != nil {
			return err
		}
		text, _ := r.ID()
		id, ok := leaf.ParseID(text)
		if !ok {
			found.foreign = append(found.foreign, text)
			return nil
		}
		buffer = r.AppendTo(buffer[:0])
		occurred, _ := r.Time()
		e := Entry{ID: id, Hash: leaf.Hash(buffer), Occurred: occurred}
		if lines {
			e.Line = slices.Clone(buffer)
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
	err = s.Read(store.Slow(ctx), `SELECT count(*) FROM audit_entries WHERE id < '' OR id >= x''`, nil, func(row store.Row) error {
		return row.Scan(&n)
	})
	return n, err
}

// take returns the entry of the id; ok is false if there is none.
func (e *entries) take(ctx context.Context, id uuid.UUID) (found Entry, ok bool, err error) {
	for {
		if found, ok = e.ahead[id]; ok {
			delete(e.ahead, id)
			return found, true, nil
		}
		if e.begun && leaf.CompareIDs(e.last, id) >= 0 {
			return Entry{}, false, nil
		}
		more, err := e.next(ctx)
		if err != nil || !more {
			return Entry{}, false, err
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
		e.ahead[found.ID] = found
		if leaf.CompareIDs(found.ID, e.last) > 0 {
			e.last = found.ID
		}
	}
	return true, nil
}

// rest returns the entries that nobody has taken.
func (e *entries) rest(ctx context.Context) (map[uuid.UUID]Entry, error) {
	for {
		if more, err := e.next(ctx); err != nil || !more {
			return e.ahead, err
		}
	}
}
