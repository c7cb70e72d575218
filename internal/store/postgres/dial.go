package postgres

import (
	"context"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/paddock-gate/paddock/internal/store/stmt"
)

// cleanupTimeout bounds each of the two steps in which pgx takes leave of a connection whose statement was given up: it asks the server to
// cancel that, and waits for the connection's end. Its own limit is 15 s, for which a connection of the pool is missing: when a network that
// has swallowed everything is back, calls would fail for so long.
const cleanupTimeout = time.Second

// dialWith returns a dial that bounds the cleanup.
func dialWith(dial pgconn.DialFunc) pgconn.DialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		deadline, ok := ctx.Deadline()
		cancelling := ok && time.Until(deadline) > 2*stmt.AcquireTimeout // a connection to be used has only AcquireTimeout
		if cancelling {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, cleanupTimeout)
			defer cancel()
		}
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		if cancelling {
			return conn, conn.SetDeadline(time.Now().Add(cleanupTimeout))
		}
		return hastyConn{conn}, nil
	}
}

// hastyConn is a connection whose deadlines, which pgx sets only for its end, are soon.
type hastyConn struct{ net.Conn }

func (c hastyConn) SetDeadline(t time.Time) error {
	if soon := time.Now().Add(cleanupTimeout); t.After(soon) {
		t = soon
	}
	return c.Conn.SetDeadline(t)
}
