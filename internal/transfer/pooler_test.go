package transfer

import (
	"slices"
	"testing"

	"github.com/paddock-gate/paddock/internal/store/storetest"
)

func TestCopy_BehindPgBouncer(t *testing.T) {
	cluster := storetest.NewCluster(t)
	through := cluster.PgBouncer(t, "")
	from, to := storetest.Open(t, through(cluster.Database(t))), storetest.Open(t, through(cluster.Database(t)))
	fill(t, from, 40)
	if err := Copy(t.Context(), from, to, func(string, int64) {}); err != nil {
		t.Fatal(err)
	}
	before, after := contents(t, from), contents(t, to)
	for table, rows := range before {
		if !slices.Equal(rows, after[table]) {
			t.Errorf("%s differs", table)
		}
	}
}
