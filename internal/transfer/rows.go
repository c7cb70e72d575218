package transfer

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"entgo.io/ent/dialect/sql/schema"
	"entgo.io/ent/schema/field"
	"github.com/google/uuid"
)

// querier is a database, or a transaction in it.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// read hands the values of each row of the table to use, which must not keep the slice. NULL is nil; the others are such
// that both databases take them, and equal when the rows are.
func (t table) read(ctx context.Context, db querier, use func(values []any) error) error {
	rows, err := db.QueryContext(ctx, t.selectAll())
	if err != nil {
		return err
	}
	defer rows.Close()
	dests, values := make([]any, len(t.columns)), make([]any, len(t.columns))
	for i, c := range t.columns {
		if dests[i], err = newDest(c); err != nil {
			return err
		}
	}
	for rows.Next() {
		if err := rows.Scan(dests...); err != nil {
			return err
		}
		for i, d := range dests {
			values[i] = valueOf(d)
		}
		if err := use(values); err != nil {
			return err
		}
	}
	return rows.Err()
}

// newDest returns what to scan a column into.
func newDest(c *schema.Column) (any, error) {
	switch c.Type {
	case field.TypeUUID:
		return new(sql.Null[uuid.UUID]), nil
	case field.TypeTime:
		return new(sql.Null[time.Time]), nil
	case field.TypeBool:
		return new(sql.Null[bool]), nil
	case field.TypeInt, field.TypeInt32, field.TypeInt64:
		return new(sql.Null[int64]), nil
	case field.TypeFloat64:
		return new(sql.Null[float64]), nil
	case field.TypeString:
		return new(sql.Null[string]), nil
	case field.TypeBytes:
		return new(sql.Null[[]byte]), nil
	default:
		return nil, fmt.Errorf("column %s is of a type, %s, that cannot be copied yet", c.Name, c.Type)
	}
}

func valueOf(dest any) any {
	switch d := dest.(type) {
	case *sql.Null[uuid.UUID]:
		return orNil(d)
	case *sql.Null[time.Time]:
		if d.Valid {
			return d.V.UTC().Truncate(time.Microsecond) // what both databases keep
		}
		return nil
	case *sql.Null[bool]:
		return orNil(d)
	case *sql.Null[int64]:
		return orNil(d)
	case *sql.Null[float64]:
		return orNil(d)
	case *sql.Null[string]:
		return orNil(d)
	case *sql.Null[[]byte]:
		return orNil(d)
	}
	panic(fmt.Sprintf("transfer: %T is no destination", dest))
}

func orNil[T any](n *sql.Null[T]) any {
	if n.Valid {
		return n.V
	}
	return nil
}

// checksum is that of a table: how many rows it has, and the sum of their hashes, so that their order does not matter.
// The databases sort texts differently.
type checksum struct {
	rows int64
	sum  [sha256.Size / 8]uint64
	buf  []byte
}

func (c *checksum) add(values []any) {
	c.buf = c.buf[:0]
	for _, v := range values {
		c.buf = appendValue(c.buf, v)
	}
	hash := sha256.Sum256(c.buf)
	for i := range c.sum {
		c.sum[i] += binary.BigEndian.Uint64(hash[8*i:])
	}
	c.rows++
}

// equals reports whether the tables have the same rows.
func (c *checksum) equals(other *checksum) bool { return c.rows == other.rows && c.sum == other.sum }

// appendValue appends a value as bytes, with its length, so that no two rows make the same ones.
func appendValue(b []byte, value any) []byte {
	switch v := value.(type) {
	case nil:
		return append(b, 0)
	case uuid.UUID:
		return append(append(b, 1), v[:]...)
	case time.Time:
		return binary.BigEndian.AppendUint64(append(b, 1), uint64(v.UnixMicro()))
	case bool:
		if v {
			return append(b, 1, 1)
		}
		return append(b, 1, 0)
	case int64:
		return binary.BigEndian.AppendUint64(append(b, 1), uint64(v))
	case float64:
		return binary.BigEndian.AppendUint64(append(b, 1), math.Float64bits(v))
	case string:
		return append(binary.AppendUvarint(append(b, 1), uint64(len(v))), v...)
	case []byte:
		return append(binary.AppendUvarint(append(b, 1), uint64(len(v))), v...)
	}
	panic(fmt.Sprintf("transfer: %T is no value", value))
}
