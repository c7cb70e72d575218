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
	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/convert"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/page"
	"github.com/paddock-gate/paddock/internal/store"
)

const defaultPageSize = 100

// Service is the AuditService.
type Service struct{ store *store.Store }

// NewService returns the service.
func NewService(s *store.Store) *Service { return &Service{store: s} }

// ListAuditEntries implements paddock.v1.AuditService.
func (s *Service) ListAuditEntries(ctx context.Context, req *paddockv1.ListAuditEntriesRequest) (*paddockv1.ListAuditEntriesResponse, error) {
	size := cmp.Or(int(req.GetPageSize()), defaultPageSize)
	filters := proto.CloneOf(req)
	filters.PageSize, filters.PageToken = 0, ""

	q := s.store.AuditEntry.Query()
	if text := strings.ToLower(strings.TrimSpace(req.GetEventType())); text != "" {
		q.Where(auditentry.EventTypeIn(typesWith(text)...))
	}
	if req.GetUserId() != "" {
		id := uuid.MustParse(req.GetUserId())
		q.Where(auditentry.Or(auditentry.ActorUserID(id), auditentry.TargetUserID(id)))
	}
	if req.GetOutcome() != "" {
		q.Where(auditentry.Outcome(req.GetOutcome()))
	}
	if t := req.GetOccurredAfter(); t != nil {
		after, err := convert.ParseTime("occurred_after", t)
		if err != nil {
			return nil, err
		}
		q.Where(auditentry.OccurredAtGTE(after))
	}
	if t := req.GetOccurredBefore(); t != nil {
		before, err := convert.ParseTime("occurred_before", t)
		if err != nil {
			return nil, err
		}
		q.Where(auditentry.OccurredAtLT(before))
	}
	if token := req.GetPageToken(); token != "" {
		at, err := page.Parse(token, filters)
		if err != nil {
			return nil, apierr.Invalid("page_token", err.Error())
		}
		// The first condition is implied; it is what the index is searched by.
		q.Where(auditentry.OccurredAtLTE(at.Time), auditentry.Or(auditentry.OccurredAtLT(at.Time), auditentry.IDLT(at.ID)))
	}
	rows, err := q.
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

// typesWith returns the event types that contain the text, so that the database can use its index on the type.
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
