package page_test

import (
	"context"
	"errors"
	"testing"

	"github.com/paddock-gate/paddock/internal/page"
)

func TestCounts_Of(t *testing.T) {
	var c page.Counts
	rows, counts := 0, 0
	count := func(context.Context) (int, error) {
		counts++
		return rows, nil
	}
	for _, step := range []struct {
		name         string
		kind         string
		rows         int
		want, counts int
	}{
		{"few", "a", page.Exact, page.Exact, 1},
		{"few again", "a", 7, 7, 2},
		{"many", "a", page.Exact + 1, page.Exact + 1, 3},
		{"many again", "a", 5000, page.Exact + 1, 3},
		{"of another kind", "b", 3, 3, 4},
	} {
		rows = step.rows
		got, err := c.Of(t.Context(), step.kind, count)
		if err != nil || got != step.want || counts != step.counts {
			t.Errorf("%s: %d, %v after %d counts; want %d after %d", step.name, got, err, counts, step.want, step.counts)
		}
	}
	away := errors.New("away")
	if _, err := c.Of(t.Context(), "c", func(context.Context) (int, error) { return 0, away }); !errors.Is(err, away) {
		t.Errorf("a count that fails: %v", err)
	}
}
