package apptest_test

import (
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
)

func TestSeal_Listed(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		for end := time.Now().Add(20 * time.Second); ; time.Sleep(100 * time.Millisecond) {
			m, err := a.Admin().Audit.ListAuditEntries(t.Context(), &paddockv1.ListAuditEntriesRequest{})
			if err != nil {
				t.Fatal(err)
			}
			if s := m.GetSeal(); s != nil {
				if s.GetEntries() != int64(len(m.GetEntries())) || s.GetSealedAt() == nil || s.GetVerifiedAt() != nil || s.GetFault() != "" {
					t.Errorf("%d entries, seal %v", len(m.GetEntries()), s)
				}
				return
			}
			if time.Now().After(end) {
				t.Fatal("nothing is sealed")
			}
		}
	})
}
