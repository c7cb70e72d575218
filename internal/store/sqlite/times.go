package sqlite

import (
	"database/sql"
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

// handWritten are the forms, with a T, that times of rows from elsewhere may have; the driver writes none of them.
var handWritten = []string{"2006-01-02T15:04:05", "2006-01-02T15:04", time.DateOnly}

// parseTime returns the time that the driver, or somebody by hand, has written as text.
func parseTime(text string) (t time.Time, err error) {
	b := []byte(text)
	if len(b) > len(time.DateOnly) {
		b[len(time.DateOnly)] = 'T' // as in RFC 3339, which package time reads faster than other forms
	}
	if err = t.UnmarshalText(b); err == nil {
		return t.UTC(), nil
	}
	for _, form := range handWritten {
		if t, err := time.Parse(form, string(b)); err == nil {
			return t, nil
		}
	}
	return t, err
}
