package quotas_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/store"
)

// TestGetUsage_RecordsDeleted: a day without records is in the window that it begins in, whole, whether all of its records have gone
// yet, and whether they are still meant to.
func TestGetUsage_RecordsDeleted(t *testing.T) {
	for name, retain := range map[string]string{"as set": "10d", "as set before": "0"} {
		t.Run(name, func(t *testing.T) {
			apptest.EachWith(t, apptest.Env{"RETAIN_USAGE": retain}, func(t *testing.T, a *apptest.App) {
				p := a.NewPerson(t, "user")
				today := store.Now().Truncate(24 * time.Hour)
				at := func(ago, hour int) time.Time { return today.AddDate(0, 0, -ago).Add(time.Duration(hour) * time.Hour) }
				for _, ago := range []int{20, 12, 3} {
					record(t, a, p.GetId(), at(ago, 6), "m:latest")
					record(t, a, p.GetId(), at(ago, 18), "m:latest")
				}
				gone := at(10, 0)
				if retain != "0" {
					gone = at(12, 12) // its other half next time
				}
				a.Exec(t, `DELETE FROM usage_records WHERE started_at < $1`, gone)
				requests := func(from, to time.Time) int64 {
					m, err := a.As(p.Key).Usage.GetUsage(t.Context(), &paddockv1.GetUsageRequest{From: timestamppb.New(from), To: timestamppb.New(to)})
					if err != nil {
						t.Fatal(err)
					}
					return m.GetRows()[0].GetRequests()
				}
				for _, c := range []struct {
					name     string
					from, to time.Time
					want     int64
				}{
					{"whole days", at(20, 0), at(0, 0), 6},
					{"the day's beginning", at(12, 0), at(12, 1), 2},
					{"the day's end", at(12, 1), at(13, 0).AddDate(0, 0, 2), 0},
					{"from the day's middle", at(12, 12), at(0, 0), 2},
					{"to the day's middle", at(20, 0), at(12, 12), 4},
					{"between two", at(20, 12), at(12, 12), 2},
					{"of a day with records", at(3, 12), at(0, 0), 1},
					{"the wrong way round", at(12, 0), at(20, 12), 0},
				} {
					if got := requests(c.from, c.to); got != c.want {
						t.Errorf("%s: %d requests, want %d", c.name, got, c.want)
					}
				}
				sum := int64(0)
				for from := at(25, 0); from.Before(at(0, 0)); from = from.Add(7 * time.Hour) {
					sum += requests(from, from.Add(7*time.Hour))
				}
				if sum != 6 {
					t.Errorf("windows one behind the other have %d requests", sum)
				}
			})
		})
	}
}
