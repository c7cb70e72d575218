package sqlite

import (
	"database/sql"
	"strings"
	"time"

	entsql "entgo.io/ent/dialect/sql"
)

// PlainTimes selects times, which the file keeps as text, as the expressions +column. The driver, which would first try a form that
// they never have, does not know them for times then, and leaves them to entRows.
func PlainTimes(q *entsql.Selector, columns ...string) {
	plain := make(map[string]string, len(columns))
	for _, column := range columns {
		plain[q.C(column)] = column
	}
	selected := q.SelectedColumns()
	q.Select()
	for _, column := range selected {
		if name, ok := plain[column]; ok {
			q.AppendSelectExprAs(entsql.Raw("+"+column), name)
		} else {
			q.AppendSelect(column)
		}
	}
}

// Scan reads the times that PlainTimes has selected, too.
func (r *entRows) Scan(dest ...any) error {
	r.dest = append(r.dest[:0], dest...) // dest is Ent's
	for i, d := range r.dest {
		if t, ok := d.(*sql.NullTime); ok {
			r.dest[i] = (*nullTime)(t)
		}
	}
	return r.ColumnScanner.Scan(r.dest...)
}

// nullTime is a sql.NullTime that also reads a time from text.
type nullTime sql.NullTime

func (t *nullTime) Scan(value any) (err error) {
	text, ok := value.(string)
	if !ok {
		return (*sql.NullTime)(t).Scan(value)
	}
	t.Time, err = parseTime(text)
	t.Valid = err == nil
	return err
}

// foreignForms are those of times in rows that somebody else has written. The driver, which writes none of them, reads them, too: with
// a T or a space in the middle, and those without a zone with a Z at their end, too.
var foreignForms = []string{"2006-01-02T15:04:05-07:00", "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateOnly}

// stringForm is that of [time.Time.String], without the reading of the monotonic clock.
const stringForm = "2006-01-02T15:04:05 -0700 MST"

// parseTime returns the time that the driver, or somebody else, has written as text.
func parseTime(text string) (t time.Time, err error) {
	b := []byte(text)
	if len(b) > len(time.DateOnly) && b[len(time.DateOnly)] == ' ' {
		b[len(time.DateOnly)] = 'T' // as in RFC 3339, which package time reads faster than other forms
	}
	if err = t.UnmarshalText(b); err == nil {
		return t.UTC(), nil
	}
	foreign := string(b)
	for _, form := range foreignForms {
		if t, err := time.Parse(form, strings.TrimSuffix(foreign, "Z")); err == nil {
			return t.UTC(), nil
		}
	}
	foreign, _, _ = strings.Cut(foreign, " m=")
	if t, err := time.Parse(stringForm, foreign); err == nil {
		return t.UTC(), nil
	}
	return t, err
}
