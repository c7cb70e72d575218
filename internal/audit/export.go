package audit

import (
	"cmp"
	"context"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/timestamppb"

	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/store"
)

// exportPage is how many entries of an export are in memory at once.
const exportPage = 500

// ExportAuditEntries implements paddock.v1.AuditService. It reads a page, sends it, and reads on from there: the database has
// nothing to keep for a client that reads slowly.
func (s *Service) ExportAuditEntries(
	ctx context.Context, req *paddockv1.ExportAuditEntriesRequest, stream *connect.ServerStream[paddockv1.ExportAuditEntriesResponse],
) error {
	ask := &paddockv1.ListAuditEntriesRequest{
		PageSize:       exportPage,
		EventType:      req.GetEventType(),
		UserId:         req.GetUserId(),
		OccurredAfter:  req.GetOccurredAfter(),
		OccurredBefore: cmp.Or(req.GetOccurredBefore(), timestamppb.New(store.Now())),
		Outcome:        req.GetOutcome(),
	}
	stream.ResponseHeader().Set("X-Accel-Buffering", "no") // nginx would read ahead of the client
	for {
		page, err := s.pageOf(ctx, ask)
		if err != nil {
			return err
		}
		if ctx.Err() != nil { // the client has gone, or may no longer read this
			return context.Cause(ctx)
		}
		if err := stream.Send(&paddockv1.ExportAuditEntriesResponse{Entries: page.GetEntries()}); err != nil {
			return err
		}
		if ask.PageToken = page.GetNextPageToken(); ask.GetPageToken() == "" {
			return nil
		}
	}
}
