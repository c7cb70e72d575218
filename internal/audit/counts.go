package audit

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/paddock-gate/paddock/ent/db/auditentry"
	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/convert"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/store"
)

const (
	// mostCounted is how many entries of one kind are counted in a span.
	mostCounted = 10_000
	// settledAfter is how long after its end a span gets no more entries: one is dated before it is committed.
	settledAfter = time.Hour
	// countedFor is how long counts are remembered.
	countedFor = time.Hour
	// maxSpans bounds the memory of counts.
	maxSpans = 5000
)

// span is a stretch of time, of everybody's entries or one user's.
type span struct {
	user     uuid.UUID
	from, to time.Time
}

// count is how many entries of a type and an outcome a span has; of one user's, those that they did and those that were done
// to them are counted apart.
type count struct {
	eventType, outcome string
	side               int
	n                  int32
	more               bool
}

// spans remembers the counts of spans that get no more entries. The zero value is ready to use.
type spans struct {
	mu     sync.Mutex
	since  time.Time
	counts map[span][]count
}

func (s *spans) get(of span) ([]count, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	counts, ok := s.counts[of]
	return counts, ok && time.Since(s.since) < countedFor
}

func (s *spans) set(of span, counts []count) {
	if time.Since(of.to) < settledAfter {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.counts) >= maxSpans || time.Since(s.since) >= countedFor {
		s.since, s.counts = time.Now(), map[span][]count{}
	}
	s.counts[of] = counts
}

// CountAuditEntries implements paddock.v1.AuditService.
func (s *Service) CountAuditEntries(ctx context.Context, req *paddockv1.CountAuditEntriesRequest) (*paddockv1.CountAuditEntriesResponse, error) {
	asked, err := spansOf(req)
	if err != nil {
		return nil, err
	}
	oldest, err := s.store.AuditEntry.Query().Order(auditentry.ByOccurredAt(), auditentry.ByID()).Limit(1).All(ctx)
	if err != nil {
		return nil, err
	}
	m := &paddockv1.CountAuditEntriesResponse{}
	for _, e := range oldest {
		m.Since = timestamppb.New(e.OccurredAt)
	}
	counts, err := s.countsOf(ctx, asked)
	if err != nil {
		return nil, err
	}
	types := map[string]bool{}
	for _, t := range typesWith(strings.ToLower(strings.TrimSpace(req.GetEventType()))) {
		types[t] = true
	}
	for _, of := range asked {
		m.Counts = append(m.Counts, sumOf(counts[of], types, req.GetOutcome()))
	}
	return m, nil
}

func spansOf(req *paddockv1.CountAuditEntriesRequest) ([]span, error) {
	var user uuid.UUID
	if id := req.GetUserId(); id != "" {
		user = uuid.MustParse(id)
	}
	var asked []span
	var before time.Time
	for i, bound := range req.GetBounds() {
		at, err := convert.ParseTime("bounds", bound)
		if err != nil {
			return nil, err
		}
		switch {
		case i > 0 && !before.Before(at):
			return nil, apierr.Invalid("bounds", "each must be later than the one before")
		case i > 0:
			asked = append(asked, span{user: user, from: before, to: at})
		case len(req.GetBounds()) == 1:
			return nil, apierr.Invalid("bounds", "must be 2 times or more, or none")
		}
		before = at
	}
	return asked, nil
}

func sumOf(counts []count, types map[string]bool, outcome string) *paddockv1.AuditCount {
	sum := &paddockv1.AuditCount{}
	for _, c := range counts {
		if !types[c.eventType] || outcome != "" && c.outcome != outcome {
			continue
		}
		sum.More = sum.GetMore() || c.more
		switch Outcome(c.outcome) {
		case Success:
			sum.Success += c.n
		case Failure:
			sum.Failure += c.n
		case Denied:
			sum.Denied += c.n
		}
	}
	return sum
}

// countsOf counts what it does not remember, in one query.
func (s *Service) countsOf(ctx context.Context, asked []span) (map[span][]count, error) {
	counts := map[span][]count{}
	var unknown []span
	for _, of := range asked {
		known, ok := s.counted.get(of)
		if ok {
			counts[of] = known
		} else {
			unknown = append(unknown, of)
		}
	}
	if len(unknown) == 0 {
		return counts, nil
	}
	query, args := countByKind(unknown)
	if unknown[0].user != uuid.Nil {
		query, args = countByUser(unknown)
	}
	err := s.store.Read(store.Slow(ctx), query, args, func(row store.Row) error {
		var i int
		var c count
		if err := row.Scan(&i, &c.side, &c.eventType, &c.outcome, &c.n); err != nil {
			return err
		}
		counts[unknown[i]] = append(counts[unknown[i]], c)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, of := range unknown {
		markCut(of, counts[of])
		s.counted.set(of, counts[of])
	}
	return counts, nil
}

// markCut marks the counts of ranges that were not read to their end.
func markCut(of span, counts []count) {
	var read [2]int32
	for _, c := range counts {
		read[c.side] += c.n
	}
	for i, c := range counts {
		counts[i].more = c.n >= mostCounted || of.user != uuid.Nil && read[c.side] >= mostCounted
	}
}

// countByKind counts for each span and kind a range of one index, which has all that it needs.
func countByKind(unknown []span) (query string, args []any) {
	var types, parts []string
	for _, t := range Types {
		types = append(types, fmt.Sprintf("SELECT '%s' AS event_type", t))
	}
	for i, of := range unknown {
		args = append(args, of.from, of.to)
		parts = append(parts, fmt.Sprintf(`SELECT %d AS i, 0, event_type, outcome, (SELECT count(*) FROM (SELECT 1 FROM audit_entries AS e `+
			`WHERE e.event_type = kinds.event_type AND e.outcome = kinds.outcome AND e.occurred_at >= $%d AND e.occurred_at < $%d LIMIT %d) AS few) AS n FROM kinds`,
			i, len(args)-1, len(args), mostCounted))
	}
	return fmt.Sprintf(`WITH kinds AS (SELECT event_type, outcome FROM (%s) AS types, (SELECT '%s' AS outcome UNION ALL SELECT '%s' UNION ALL SELECT '%s') AS outcomes) `+
		`SELECT * FROM (%s) AS counts WHERE n > 0`,
		strings.Join(types, " UNION ALL "), Success, Failure, Denied, strings.Join(parts, " UNION ALL ")), args
}

// countByUser reads for each span the ranges of what the user did and of what was done to them.
func countByUser(unknown []span) (query string, args []any) {
	args = []any{unknown[0].user}
	var parts []string
	for i, of := range unknown {
		args = append(args, of.from, of.to)
		for side, is := range []string{"actor_user_id = $1", "target_user_id = $1 AND (actor_user_id IS NULL OR actor_user_id <> $1)"} {
			parts = append(parts, fmt.Sprintf(`SELECT %d, %d, event_type, outcome, count(*) FROM (SELECT event_type, outcome FROM audit_entries `+
				`WHERE %s AND occurred_at >= $%d AND occurred_at < $%d LIMIT %d) AS few GROUP BY event_type, outcome`,
				i, side, is, len(args)-1, len(args), mostCounted))
		}
	}
	return strings.Join(parts, " UNION ALL "), args
}
