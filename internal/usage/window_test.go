package usage_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
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

// TestGetUsage_WithoutAnEnd in rows, but an answer does: the latest 5,000.
func TestGetUsage_WithoutAnEnd(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		p := a.NewPerson(t, "user")
		const most, batch = 5000, 1000
		record(t, a, p.Id, store.Now().AddDate(0, 0, -2), "old")
		for i := range most / batch {
			var models []string
			for j := range batch {
				models = append(models, fmt.Sprintf("m%04d", i*batch+j))
			}
			record(t, a, p.Id, store.Now().AddDate(0, 0, -1), models...)
		}
		rows := usageOf(t, a, p, "day", "model").GetRows()
		if len(rows) != most || rows[0].GetModel() != "m0000" || rows[most-1].GetModel() != "m4999" {
			t.Errorf("%d rows, from %v to %v", len(rows), rows[0], rows[len(rows)-1])
		}
		if all := usageOf(t, a, p).GetRows(); len(all) != 1 || all[0].GetRequests() != most+1 {
			t.Errorf("in all %v", all)
		}
	})
}
