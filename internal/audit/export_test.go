package audit_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/apptest"
	"github.com/paddock-gate/paddock/internal/audit"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
)

func export(t *testing.T, c *apptest.Clients, req *paddockv1.ExportAuditEntriesRequest) (entries []*paddockv1.AuditEntry, err error) {
	t.Helper()
	stream, err := c.Audit.ExportAuditEntries(t.Context(), req)
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	for stream.Receive() {
		entries = append(entries, stream.Msg().GetEntries()...)
	}
	return entries, stream.Err()
}

// TestExportAuditEntries_LikeTheList: an export has each entry that the pages of the list have, in their order.
func TestExportAuditEntries_LikeTheList(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		begin := time.Now().Add(-time.Hour).Truncate(time.Second)
		for i := range 1101 { // three messages
			addEntry(t, a, audit.Types[i%3], audit.Success, begin.Add(time.Duration(i/2)*time.Second), nil, nil)
		}
		for _, req := range []*paddockv1.ExportAuditEntriesRequest{
			{},
			{EventType: "login_failure"},
			{Outcome: "denied"},
			{OccurredAfter: timestamppb.New(begin.Add(300 * time.Second))},
			{OccurredBefore: timestamppb.New(begin.Add(7 * time.Second))},
			{UserId: "0192b3c4-d5e6-7f80-9192-a3b4c5d6e7f8"},
		} {
			want := all(t, a, &paddockv1.ListAuditEntriesRequest{
				PageSize: 499, EventType: req.GetEventType(), UserId: req.GetUserId(), Outcome: req.GetOutcome(),
				OccurredAfter: req.GetOccurredAfter(), OccurredBefore: req.GetOccurredBefore(),
			})
			for name, c := range map[string]*apptest.Clients{"Connect": a.Admin(), "gRPC": a.AsGRPC(a.AdminKey), "gRPC-Web": a.AsGRPCWeb(a.AdminKey)} {
				got, err := export(t, c, req)
				if err != nil || !slices.EqualFunc(got, want, func(x, y *paddockv1.AuditEntry) bool { return proto.Equal(x, y) }) {
					t.Errorf("%s, %v: %d entries, want %d; %v", name, req, len(got), len(want), err)
				}
			}
		}
	})
}

// TestExportAuditEntries_RightsEnd: an admin who is demoted while an export runs reads no further, and is told so.
func TestExportAuditEntries_RightsEnd(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		detail := strings.Repeat("x", 1024)
		const insert = `INSERT INTO audit_entries (id, event_type, occurred_at, actor_email, ip, user_agent, request_id, outcome, detail) ` +
			`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30000) SELECT %s, 'logout', e.occurred_at, '', '', '', '', 'success', $1 ` +
			`FROM n, audit_entries AS e WHERE e.event_type = 'bootstrap'`
		id := `printf('%08x-0000-7000-8000-000000000000', i)`
		if !a.Store.Embedded() {
			id = `(lpad(to_hex(i), 8, '0') || '-0000-7000-8000-000000000000')::uuid`
		}
		if _, err := a.Store.DB().ExecContext(t.Context(), fmt.Sprintf(insert, id), detail); err != nil {
			t.Fatal(err)
		}
		p := a.NewPerson(t, "admin")
		stream, err := a.As(p.Key).Audit.ExportAuditEntries(t.Context(), &paddockv1.ExportAuditEntriesRequest{})
		if err != nil {
			t.Fatal(err)
		}
		defer stream.Close()
		n := 0
		for stream.Receive() {
			if n == 0 {
				if _, err := a.Admin().Users.UpdateUser(t.Context(), &paddockv1.UpdateUserRequest{Id: p.GetId(), Active: new(false)}); err != nil {
					t.Fatal(err)
				}
				time.Sleep(2 * time.Second) // within which a stream ends; what was sent before is on its way
			}
			n += len(stream.Msg().GetEntries())
		}
		if err := stream.Err(); apptest.Reason(err) != apierr.Unauthenticated || n > 25_000 {
			t.Errorf("%d entries came, then: %v", n, err)
		}
	})
}

func TestExportAuditEntries_Refusals(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		p := a.NewPerson(t, "user")
		_, err := export(t, a.As(p.Key), &paddockv1.ExportAuditEntriesRequest{})
		apptest.WantReason(t, err, apierr.AccessDenied)
		_, err = export(t, a.AsGRPC(a.AdminKey), &paddockv1.ExportAuditEntriesRequest{OccurredAfter: &timestamppb.Timestamp{Seconds: 1 << 40}})
		apptest.WantReason(t, err, apierr.InvalidArgument)
	})
}
