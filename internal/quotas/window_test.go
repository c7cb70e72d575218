package quotas_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/store"
)

// record writes usage records of the past, one for each model.
func record(t *testing.T, a *apptest.App, user string, at time.Time, models ...string) {
	t.Helper()
	var values []string
	args := []any{uuid.MustParse(user), at, at.Format(time.DateOnly)}
	for _, model := range models {
		args = append(args, uuid.New(), model)
		values = append(values, fmt.Sprintf(`($%d, $1, 'chat', $%d, 7, 5, 20, 'ok', FALSE, $3, $2)`, len(args)-1, len(args)))
	}
	a.Exec(t, `INSERT INTO usage_records (id, user_id, kind, model, prompt_tokens, completion_tokens, duration_ms, outcome, estimated, `+
		`day, started_at) VALUES `+strings.Join(values, ", "), args...)
}

// TestGetUsage_Window: from is in it and to is not; without them it is the last 30 days.
func TestGetUsage_Window(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		p := a.NewPerson(t, "user")
		now := store.Now()
		day := func(ago int) time.Time { return now.AddDate(0, 0, -ago) }
		for _, ago := range []int{40, 29, 3, 2, 1} {
			record(t, a, p.Id, day(ago), "m:latest")
		}
		for _, c := range []struct {
			name     string
			from, to time.Time
			want     []int // days ago
		}{
			{name: "neither", want: []int{1, 2, 3, 29}},
			{name: "from", from: day(2), want: []int{1, 2}},
			{name: "to", to: day(2), want: []int{3, 29}},
			{name: "to, long ago", to: day(35), want: []int{40}},
			{name: "both", from: day(3), to: day(1), want: []int{2, 3}},
			{name: "one moment", from: day(2), to: day(2).Add(time.Microsecond), want: []int{2}},
			{name: "nothing", from: day(2), to: day(2)},
			{name: "the wrong way round", from: day(1), to: day(3)},
		} {
			req := &paddockv1.GetUsageRequest{GroupBy: []string{"day"}}
			if !c.from.IsZero() {
				req.From = timestamppb.New(c.from)
			}
			if !c.to.IsZero() {
				req.To = timestamppb.New(c.to)
			}
			m, err := a.As(p.Key).Usage.GetUsage(t.Context(), req)
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
				continue
			}
			var days, want []string
			for _, row := range m.GetRows() {
				days = append(days, row.GetDay())
				if row.GetRequests() != 1 || row.GetPromptTokens() != 7 || row.GetCompletionTokens() != 5 || row.GetDurationMs() != 20 || row.GetEstimated() {
					t.Errorf("%s: %v", c.name, row)
				}
			}
			for _, ago := range c.want {
				want = append(want, day(ago).Format(time.DateOnly))
			}
			if strings.Join(days, " ") != strings.Join(want, " ") {
				t.Errorf("%s: %v, want %v", c.name, days, want)
			}
		}
	})
}

// TestGetUsage_Pages goes through more rows than a page has: none is missing and none comes twice.
func TestGetUsage_Pages(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		p := a.NewPerson(t, "user")
		var models []string
		for i := range 25 {
			models = append(models, fmt.Sprintf("m%02d", i))
		}
		for ago := range 4 {
			record(t, a, p.Id, store.Now().AddDate(0, 0, -ago), models...)
		}
		for _, by := range [][]string{{"day", "model", "credential"}, {"credential", "model"}, {"day"}, {}} {
			want := a.UsageOf(t, p, by...).GetRows()
			for _, size := range []int32{1, 7, 100, 101} {
				req := &paddockv1.GetUsageRequest{GroupBy: by, PageSize: size}
				var got []*paddockv1.UsageRow
				for {
					m, err := a.As(p.Key).Usage.GetUsage(t.Context(), req)
					if err != nil {
						t.Fatal(err)
					}
					got = append(got, m.GetRows()...)
					if req.PageToken = m.GetNextPageToken(); req.PageToken == "" {
						break
					}
					if len(m.GetRows()) != int(size) {
						t.Errorf("by %v: a page of %d has %d rows", by, size, len(m.GetRows()))
					}
				}
				if !slices.EqualFunc(got, want, func(a, b *paddockv1.UsageRow) bool { return proto.Equal(a, b) }) {
					t.Errorf("by %v, in pages of %d: %d rows, want the same %d", by, size, len(got), len(want))
				}
			}
		}
		first, err := a.As(p.Key).Usage.GetUsage(t.Context(), &paddockv1.GetUsageRequest{GroupBy: []string{"day"}, PageSize: 1})
		if err != nil {
			t.Fatal(err)
		}
		_, err = a.As(p.Key).Usage.GetUsage(t.Context(), &paddockv1.GetUsageRequest{GroupBy: []string{"model"}, PageToken: first.GetNextPageToken()})
		if connect.CodeOf(err) != connect.CodeInvalidArgument {
			t.Errorf("a token of another list: %v", err)
		}
	})
}

// TestUsageDays_AreTheRecordsSums holds the sums that a trigger keeps against the records: of calls, and of rows that were
// written in many ways.
func TestUsageDays_AreTheRecordsSums(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		ada, bob := a.NewPerson(t, "user"), a.NewPerson(t, "user")
		var calls sync.WaitGroup
		for i := range 40 {
			calls.Go(func() {
				key := []string{ada.Key, ada.Token, bob.Key}[i%3]
				if _, err := a.Chat(t.Context(), key, &paddockv1.ChatRequest{Model: "tiny-chat", Messages: hi}); err != nil {
					t.Error(err)
				}
			})
		}
		calls.Wait()
		record(t, a, ada.Id, store.Now().AddDate(0, 0, -3), "x", "x", "y")
		record(t, a, bob.Id, store.Now().AddDate(0, 0, -3), "x")
		a.Settled(t, ada)
		for name, query := range map[string]string{
			"by user": `SELECT user_id, day, model, credential_id, requests, prompt_tokens, completion_tokens, duration_ms, estimated FROM usage_days`,
			"in all":  `SELECT day, CAST(sum(requests) AS bigint), CAST(sum(tokens) AS bigint) FROM usage_totals GROUP BY day`,
		} {
			of := `SELECT user_id, day, model, coalesce(credential_id, '00000000-0000-0000-0000-000000000000'), count(*), CAST(sum(prompt_tokens) AS bigint), ` +
				`CAST(sum(completion_tokens) AS bigint), CAST(sum(duration_ms) AS bigint), max(CASE WHEN estimated THEN 1 ELSE 0 END) <> 0 FROM usage_records GROUP BY 1, 2, 3, 4`
			if name == "in all" {
				of = `SELECT day, count(*), CAST(sum(prompt_tokens + completion_tokens) AS bigint) FROM usage_records GROUP BY 1`
			}
			for _, difference := range []string{query + " EXCEPT " + of, of + " EXCEPT " + query} {
				n := 0
				err := a.Store.Read(t.Context(), difference, nil, func(store.Row) error { n++; return nil })
				if err != nil || n > 0 {
					t.Errorf("%s: %d rows of %s, %v", name, n, difference, err)
				}
			}
		}
	})
}
