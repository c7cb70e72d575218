package quotas

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"

	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/convert"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/page"
	"github.com/paddock-gate/paddock/internal/store"
)

const (
	defaultDays     = 30
	defaultPageSize = 5000
	aDay            = 24 * time.Hour
)

// GetUsage implements paddock.v1.UsageService.
func (s *Service) GetUsage(ctx context.Context, req *paddockv1.GetUsageRequest) (*paddockv1.GetUsageResponse, error) {
	id, err := convert.Subject(ctx, req.GetUserId(), "UsageService.GetUsage", s.log.Refuse)
	if err != nil {
		return nil, err
	}
	r, err := newReport(id, req, s.retain.UsageSince(store.Now()))
	if err != nil {
		return nil, err
	}
	m := &paddockv1.GetUsageResponse{}
	err = s.store.Read(store.Slow(ctx), r.query(), r.args, func(found store.Row) error {
		row, err := scanRow(found)
		m.Rows = append(m.Rows, row)
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(m.GetRows()) > r.size {
		m.Rows = m.GetRows()[:r.size]
		m.NextPageToken = page.Token(page.Position{Time: time.Unix(0, 0), Key: r.key(m.GetRows()[r.size-1])}, r.filters)
	}
	if len(m.GetRows()) == 0 || m.GetRows()[0].GetRequests() == 0 { // no such user, or one without calls
		if err := convert.UserExists(ctx, s.store.User, id); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// report is a statement that sums up a user's usage. Whole days come from usage_days, the rest from the records
// as long as there are some.
type report struct {
	groups  []group
	filters *paddockv1.GetUsageRequest // what a page token is good for
	size    int
	kept    time.Time // the days before it may have no records any more
	parts   []string  // of the window, rows of the same columns
	after   string    // condition of a page that is not the first
	args    []any
}

// group is a column that GetUsage can group by. Rows are sorted in the order of groups.
type group struct {
	name, column string
	descending   bool
	of           func(*paddockv1.UsageRow) string
}

var groups = []group{
	{"day", "day", true, (*paddockv1.UsageRow).GetDay},
	{"model", "model", false, (*paddockv1.UsageRow).GetModel},
	{"credential", "credential_id", false, func(row *paddockv1.UsageRow) string {
		return cmp.Or(row.GetCredentialId(), uuid.Nil.String())
	}},
}

// newReport returns the report on a user; before kept, a day began, records may have been deleted.
func newReport(user uuid.UUID, req *paddockv1.GetUsageRequest, kept time.Time) (*report, error) {
	r := &report{filters: proto.CloneOf(req), size: cmp.Or(int(req.GetPageSize()), defaultPageSize), kept: kept, args: []any{user}}
	r.filters.PageSize, r.filters.PageToken = 0, ""
	for _, g := range groups {
		if slices.Contains(req.GetGroupBy(), g.name) {
			r.groups = append(r.groups, g)
		}
	}
	to := startOf(store.Now()).Add(aDay)
	if req.GetTo() != nil {
		var err error
		if to, err = convert.ParseTime("to", req.GetTo()); err != nil {
			return nil, err
		}
	}
	from := startOf(to.Add(-time.Microsecond)).AddDate(0, 0, -defaultDays)
	if req.GetFrom() != nil {
		var err error
		if from, err = convert.ParseTime("from", req.GetFrom()); err != nil {
			return nil, err
		}
	}
	r.window(from, to)
	if req.GetPageToken() == "" {
		return r, nil
	}
	at, err := page.Parse(req.GetPageToken(), r.filters)
	if err != nil {
		return nil, apierr.Invalid("page_token", err.Error())
	}
	return r, r.behind(at.Key)
}

// startOf returns when the day of t began, in UTC.
func startOf(t time.Time) time.Time { return t.Truncate(aDay) }

// window adds the parts that make up the time from from to to.
func (r *report) window(from, to time.Time) {
	first, end := startOf(from.Add(aDay-time.Microsecond)), startOf(to) // the whole days
	r.days(first, end, "")
	if from.Before(first) {
		r.partOfDay(from, earlier(first, to))
	}
	if end.Before(to) && !end.Before(first) {
		r.partOfDay(end, to)
	}
}

// partOfDay adds a part of one day. Of a day without records there are only its sums: it belongs to the window that it begins in, so
// that it comes once in windows that follow each other.
func (r *report) partOfDay(from, to time.Time) {
	day := startOf(from)
	next := day.Add(aDay)
	begins := from.Equal(day)
	if !day.Before(r.kept) {
		r.records(from, to)
		if begins { // they may have been kept for less than now
			r.days(day, next, " AND NOT EXISTS (SELECT 1 FROM usage_records WHERE started_at < "+r.arg(next)+")")
		}
	} else if begins {
		r.days(day, next, "")
	}
}

// days adds the sums of the days from first to before end, for which a further condition holds.
func (r *report) days(first, end time.Time, condition string) {
	r.parts = append(r.parts, fmt.Sprintf(`SELECT day, model, credential_id, requests, prompt_tokens, completion_tokens, duration_ms, estimated `+
		`FROM usage_days WHERE user_id = $1 AND day >= %s AND day < %s%s`, r.arg(first.Format(time.DateOnly)), r.arg(end.Format(time.DateOnly)), condition))
}

func (r *report) records(from, to time.Time) {
	r.parts = append(r.parts, fmt.Sprintf(`SELECT day, model, coalesce(credential_id, '%s') AS credential_id, 1 AS requests, prompt_tokens, completion_tokens, duration_ms, estimated `+
		`FROM usage_records WHERE user_id = $1 AND started_at >= %s AND started_at < %s`, uuid.Nil, r.arg(from), r.arg(to)))
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// arg adds an argument and returns its placeholder.
func (r *report) arg(value any) string {
	r.args = append(r.args, value)
	return fmt.Sprintf("$%d", len(r.args))
}

// key is where in the order of the report a row stands.
func (r *report) key(row *paddockv1.UsageRow) string {
	var values []string
	for _, g := range r.groups {
		values = append(values, g.of(row))
	}
	return strings.Join(values, "\n") // none of them has a line break
}

// behind leaves the rows behind the key.
func (r *report) behind(key string) error {
	values := strings.Split(key, "\n")
	if len(values) != len(r.groups) {
		return apierr.Invalid("page_token", page.ErrInvalid.Error())
	}
	var alternatives []string
	equal := ""
	for i, g := range r.groups {
		var value any = values[i]
		if g.column == "credential_id" {
			id, err := uuid.Parse(values[i])
			if err != nil {
				return apierr.Invalid("page_token", page.ErrInvalid.Error())
			}
			value = id
		}
		than, placeholder := ">", r.arg(value)
		if g.descending {
			than = "<"
		}
		alternatives = append(alternatives, fmt.Sprintf("%s%s %s %s", equal, g.column, than, placeholder))
		equal += fmt.Sprintf("%s = %s AND ", g.column, placeholder)
	}
	r.after = " WHERE " + strings.Join(alternatives, " OR ")
	return nil
}

func (r *report) query() string {
	columns := make([]string, len(groups))
	var by, order []string
	for i, g := range groups {
		columns[i] = "NULL"
		if !slices.ContainsFunc(r.groups, func(other group) bool { return other.name == g.name }) {
			continue
		}
		columns[i] = g.column
		by = append(by, g.column)
		order = append(order, g.column)
		if g.descending {
			order[len(order)-1] += " DESC"
		}
	}
	grouping := ""
	if len(by) > 0 {
		grouping = " GROUP BY " + strings.Join(by, ", ") + " ORDER BY " + strings.Join(order, ", ")
	}
	return "SELECT " + strings.Join(columns, ", ") + `, CAST(coalesce(sum(requests), 0) AS bigint), CAST(coalesce(sum(prompt_tokens), 0) AS bigint), ` +
		`CAST(coalesce(sum(completion_tokens), 0) AS bigint), CAST(coalesce(sum(duration_ms), 0) AS bigint), ` +
		`coalesce(max(CASE WHEN estimated THEN 1 ELSE 0 END), 0) FROM (` + strings.Join(r.parts, " UNION ALL ") + ") figures" +
		r.after + grouping + " LIMIT " + r.arg(r.size+1)
}

func scanRow(from store.Row) (*paddockv1.UsageRow, error) {
	row := &paddockv1.UsageRow{}
	var day, model, credential sql.NullString
	var estimated int
	err := from.Scan(&day, &model, &credential, &row.Requests, &row.PromptTokens, &row.CompletionTokens, &row.DurationMs, &estimated)
	row.Day, row.Model, row.Estimated = day.String, model.String, estimated != 0
	if credential.String != uuid.Nil.String() {
		row.CredentialId = credential.String
	}
	return row, err
}
