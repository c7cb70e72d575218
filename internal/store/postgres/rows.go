package postgres

import (
	"database/sql"
	"database/sql/driver"
	"fmt"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/paddock-gate/paddock/internal/store/dberr"
)

// entRows are pgx's rows in the shape of database/sql's.
type entRows struct {
	rows        pgx.Rows
	first, more bool // the first row has been asked for already: whether there is one
	done        func(error) error
	dest        []any // of Scan, which is called for each row
}

func (r *entRows) Next() bool {
	if r.first {
		r.first = false
		return r.more
	}
	return r.rows.Next()
}

func (r *entRows) Close() error {
	r.rows.Close()
	if r.done == nil {
		return nil
	}
	done := r.done
	r.done = nil
	return dberr.WrapAway(done(r.rows.Err()))
}

func (r *entRows) Columns() ([]string, error) {
	fields := r.rows.FieldDescriptions()
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Name
	}
	return names, nil
}

// ColumnTypes is asked for by Ent when it selects what no field describes; it then scans into an any.
func (r *entRows) ColumnTypes() ([]*sql.ColumnType, error) { return nil, dberr.ErrColumnTypes }

func (r *entRows) Err() error          { return dberr.WrapAway(r.rows.Err()) }
func (r *entRows) NextResultSet() bool { return false }

// Scan takes destinations for types that pgx decodes into without a driver.Value between them, and has an any hold what it does
// with database/sql, such as the text of a UUID.
func (r *entRows) Scan(dest ...any) error {
	fields := r.rows.FieldDescriptions()
	r.dest = append(r.dest[:0], dest...) // dest is the caller's
	for i, d := range r.dest[:min(len(dest), len(fields))] {
		oid := fields[i].DataTypeOID
		switch d := d.(type) {
		case *any:
			r.dest[i] = anyValue{d}
		case *driver.Value:
			r.dest[i] = anyValue{(*any)(d)}
		case *uuid.UUID:
			if oid == pgtype.UUIDOID {
				r.dest[i] = (*plainUUID)(d)
			}
		case *entsql.NullScanner:
			if _, ok := d.S.(*uuid.UUID); ok && oid == pgtype.UUIDOID {
				r.dest[i] = (*nullUUID)(d)
			}
		case *sql.NullString:
			if oid == pgtype.VarcharOID || oid == pgtype.TextOID {
				r.dest[i] = (*nullText)(d)
			}
		case *sql.NullTime:
			if oid == pgtype.TimestamptzOID {
				r.dest[i] = (*nullTime)(d)
			}
		case *sql.NullInt64:
			if oid == pgtype.Int8OID || oid == pgtype.Int4OID {
				r.dest[i] = (*nullInt)(d)
			}
		case *sql.NullBool:
			if oid == pgtype.BoolOID {
				r.dest[i] = (*nullBool)(d)
			}
		}
	}
	return r.rows.Scan(r.dest...)
}

// Destinations as pgx fills them.
type (
	anyValue  struct{ v *any }
	plainUUID uuid.UUID
	nullUUID  entsql.NullScanner // of a *uuid.UUID
	nullText  sql.NullString
	nullTime  sql.NullTime
	nullInt   sql.NullInt64
	nullBool  sql.NullBool
)

// Scan implements sql.Scanner.
func (a anyValue) Scan(value any) error {
	*a.v = value
	return nil
}

// ScanUUID implements pgtype.UUIDScanner. NULL is the zero UUID.
func (u *plainUUID) ScanUUID(v pgtype.UUID) error {
	*u = v.Bytes
	return nil
}

// ScanUUID implements pgtype.UUIDScanner.
func (n *nullUUID) ScanUUID(v pgtype.UUID) error {
	n.Valid = v.Valid
	if id, ok := n.S.(*uuid.UUID); ok { // it is, see entRows.Scan
		*id = v.Bytes
	}
	return nil
}

// ScanText implements pgtype.TextScanner.
func (t *nullText) ScanText(v pgtype.Text) error {
	*t = nullText{v.String, v.Valid}
	return nil
}

// ScanTimestamptz implements pgtype.TimestamptzScanner.
func (t *nullTime) ScanTimestamptz(v pgtype.Timestamptz) error {
	if v.InfinityModifier != pgtype.Finite {
		return fmt.Errorf("a time is %v", v.InfinityModifier)
	}
	*t = nullTime{v.Time, v.Valid}
	return nil
}

// ScanInt64 implements pgtype.Int64Scanner.
func (i *nullInt) ScanInt64(v pgtype.Int8) error {
	*i = nullInt(v)
	return nil
}

// ScanBool implements pgtype.BoolScanner.
func (b *nullBool) ScanBool(v pgtype.Bool) error {
	*b = nullBool(v)
	return nil
}
