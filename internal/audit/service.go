package audit

import (
	"cmp"
	"context"
	"strings"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/ent/db/auditentry"
	"github.com/paddock-gate/paddock/ent/db/predicate"
	"github.com/paddock-gate/paddock/ent/db/seal"
	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/convert"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/page"
	"github.com/paddock-gate/paddock/internal/store"
)

const defaultPageSize = 100

// Service is the AuditService.
type Service struct {
	store   *store.Store
	counted spans
}

// NewService returns the service.
func NewService(s *store.Store) *Service { return &Service{store: s} }

// ListAuditEntries implements paddock.v1.AuditService.
func (s *Service) ListAuditEntries(ctx context.Context, req *paddockv1.ListAuditEntriesRequest) (*paddockv1.ListAuditEntriesResponse, error) {
	m, err := s.pageOf(ctx, req)
	if err != nil {
		return nil, err
	}
	m.Seal, err = s.seal(ctx)
	return m, err
}

// pageOf returns the entries that are asked for, without the seal.
func (s *Service) pageOf(ctx context.Context, req *paddockv1.ListAuditEntriesRequest) (*paddockv1.ListAuditEntriesResponse, error) {
	size := cmp.Or(int(req.GetPageSize()), defaultPageSize)
	filters := proto.CloneOf(req)
	filters.PageSize, filters.PageToken = 0, ""

	limits, err := limitsOf(req, filters)
	if err != nil {
		return nil, err
	}
	q := s.store.AuditEntry.Query().Where(limits...)
	if ranges := rangesOf(req); len(ranges) > 0 {
		q.Where(among(ranges, limits, size+1))
	}
	rows, err := q.
		Where(store.PlainTimes(s.store, auditentry.FieldOccurredAt)).
		Order(auditentry.ByOccurredAt(sql.OrderDesc()), auditentry.ByID(sql.OrderDesc())).
		Limit(size + 1).
		All(ctx)
	if err != nil {
		return nil, err
	}
	m := &paddockv1.ListAuditEntriesResponse{}
	if len(rows) > size {
		rows = rows[:size]
		last := rows[size-1]
		m.NextPageToken = page.Token(page.Position{Time: last.OccurredAt, ID: last.ID}, filters)
	}
	for _, e := range rows {
		m.Entries = append(m.Entries, message(e))
	}
	return m, nil
}

// seal returns nil when nothing is sealed and nothing was.
func (s *Service) seal(ctx context.Context) (*paddockv1.AuditSeal, error) {
	row, err := s.store.Seal.Query().Where(seal.ID("audit"), seal.Or(seal.SizeGT(0), seal.FaultNEQ(""))).First(ctx)
	switch {
	case db.IsNotFound(err):
		return nil, nil //nolint:nilnil // none
	case err != nil:
		return nil, err
	}
	m := &paddockv1.AuditSeal{
		Entries: row.Size, SealedAt: timestamppb.New(row.SealedAt), VerifiedEntries: row.VerifiedSize, Fault: row.Fault,
	}
	if row.VerifiedAt != nil {
		m.VerifiedAt = timestamppb.New(*row.VerifiedAt)
	}
	return m, nil
}

// limitsOf returns what the entries of any range must fulfil: the time from and to, and the position of the page.
func limitsOf(req, filters *paddockv1.ListAuditEntriesRequest) ([]predicate.AuditEntry, error) {
	var limits []predicate.AuditEntry
	if t := req.GetOccurredAfter(); t != nil {
		after, err := convert.ParseTime("occurred_after", t)
		if err != nil {
			return nil, err
		}
		limits = append(limits, auditentry.OccurredAtGTE(after))
	}
	if t := req.GetOccurredBefore(); t != nil {
		before, err := convert.ParseTime("occurred_before", t)
		if err != nil {
			return nil, err
		}
		limits = append(limits, auditentry.OccurredAtLT(before))
	}
	if token := req.GetPageToken(); token != "" {
		at, err := page.Parse(token, filters)
		if err != nil {
			return nil, apierr.Invalid("page_token", err.Error())
		}
		// The first condition is implied; it is what the index is searched by.
		limits = append(limits, auditentry.OccurredAtLTE(at.Time), auditentry.Or(auditentry.OccurredAtLT(at.Time), auditentry.IDLT(at.ID)))
	}
	return limits, nil
}

// rangesOf returns conditions each of which is a range of an index that goes on by time, and which together match what is
// asked for; none: all entries.
func rangesOf(req *paddockv1.ListAuditEntriesRequest) []predicate.AuditEntry {
	types := typesWith(strings.ToLower(strings.TrimSpace(req.GetEventType())))
	outcomes := []string{string(Success), string(Failure), string(Denied)}
	if req.GetOutcome() != "" {
		outcomes = []string{req.GetOutcome()}
	}
	ofType := auditentry.EventTypeIn(types...)
	switch {
	case req.GetUserId() != "":
		id := uuid.MustParse(req.GetUserId())
		others := auditentry.Or(auditentry.ActorUserIDIsNil(), auditentry.ActorUserIDNEQ(id)) // each entry is in one range only
		by, to := []predicate.AuditEntry{auditentry.ActorUserID(id)}, []predicate.AuditEntry{auditentry.TargetUserID(id), others}
		if req.GetEventType() != "" {
			by, to = append(by, ofType), append(to, ofType)
		}
		if req.GetOutcome() != "" {
			by, to = append(by, auditentry.Outcome(req.GetOutcome())), append(to, auditentry.Outcome(req.GetOutcome()))
		}
		return []predicate.AuditEntry{auditentry.And(by...), auditentry.And(to...)}
	case len(types) == len(Types) && req.GetOutcome() == "":
		return nil
	case len(types) == 0:
		return []predicate.AuditEntry{ofType} // none
	}
	var ranges []predicate.AuditEntry
	for _, t := range types {
		for _, o := range outcomes {
			ranges = append(ranges, auditentry.And(auditentry.EventType(t), auditentry.Outcome(o)))
		}
	}
	return ranges
}

// among matches the latest n entries of the ranges: the database reads up to that many from each one's index, where an OR would
// make it read the whole trail for what is rare.
func among(ranges, limits []predicate.AuditEntry, n int) predicate.AuditEntry {
	return func(q *sql.Selector) {
		build := sql.Dialect(q.Dialect())
		latest := func(of *sql.Selector) *sql.Selector {
			return of.OrderBy(sql.Desc(auditentry.FieldOccurredAt), sql.Desc(auditentry.FieldID)).Limit(n)
		}
		var union *sql.Selector
		for _, r := range ranges {
			entries := build.Select(auditentry.FieldID, auditentry.FieldOccurredAt).From(sql.Table(auditentry.Table))
			for _, p := range append([]predicate.AuditEntry{r}, limits...) {
				p(entries)
			}
			part := build.Select(auditentry.FieldID, auditentry.FieldOccurredAt).From(latest(entries).As("part"))
			if union == nil {
				union = part
			} else {
				union.UnionAll(part)
			}
		}
		q.Where(sql.In(q.C(auditentry.FieldID), latest(build.Select(auditentry.FieldID).From(union.As("parts")))))
	}
}

// typesWith returns the event types that contain text; all, if it is empty.
func typesWith(text string) []string {
	var found []string
	for _, t := range Types {
		if strings.Contains(string(t), text) {
			found = append(found, string(t))
		}
	}
	return found
}

func message(e *db.AuditEntry) *paddockv1.AuditEntry {
	return &paddockv1.AuditEntry{
		Id:           e.ID.String(),
		EventType:    e.EventType,
		OccurredAt:   timestamppb.New(e.OccurredAt),
		ActorUserId:  convert.ID(e.ActorUserID),
		ActorEmail:   e.ActorEmail,
		TargetUserId: convert.ID(e.TargetUserID),
		CredentialId: convert.ID(e.CredentialID),
		SessionId:    convert.ID(e.SessionID),
		Ip:           e.IP,
		UserAgent:    e.UserAgent,
		RequestId:    e.RequestID,
		Outcome:      e.Outcome,
		Detail:       e.Detail,
	}
}
