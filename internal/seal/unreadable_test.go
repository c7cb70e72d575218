package seal_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/paddock-gate/paddock/internal/seal/sealtest"
)

// TestSeal_Unreadable: what nobody can read holds up nothing, and is found later.
func TestSeal_Unreadable(t *testing.T) {
	for _, attack := range []struct{ name, statement string }{
		{"WaitingEmpty", `INSERT INTO unsealed_entries (id) VALUES ('')`},
		{"WaitingBlob", `INSERT INTO unsealed_entries (id) VALUES (x'00ff')`},
		{"WaitingNumber", `INSERT INTO unsealed_entries (id) VALUES (7)`},
		{"WaitingText", `INSERT INTO unsealed_entries (id) VALUES ('nothing')`},
		{"Entry", fmt.Sprintf(sealtest.Forged, `'ZZZ'`, "occurred_at")},
		{"OtherCase", fmt.Sprintf(sealtest.Forged, `upper('ffffffff-ffff-4fff-bfff-ffffffffffff')`, "occurred_at")},
		{"Time", fmt.Sprintf(sealtest.Forged, `'ffffffff-ffff-4fff-bfff-ffffffffffff'`, "'nonsense'")},
	} {
		t.Run(attack.name, func(t *testing.T) {
			sealtest.Each(t, func(t *testing.T, tr *sealtest.Trail) {
				if !tr.Store.Embedded() {
					t.Skip("PostgreSQL does not take it")
				}
				tr.Write(t, 3)
				tr.Seal(t)
				tr.Exec(t, attack.statement)
				tr.Write(t, 2)
				if _, err := tr.Verify(t, ""); err != nil {
					t.Errorf("before it is sealed: %v", err)
				}
				tr.Seal(t)
				r, err := tr.Verify(t, "")
				if err != nil || r.Size != 6 || r.Waiting != 0 || len(r.Findings) == 0 || len(r.Findings) > 2 {
					t.Errorf("%d sealed, %d wait, %v, %v", r.Size, r.Waiting, r.Findings, err)
				}
				for _, f := range r.Findings {
					if strings.Contains(f.String(), "position") && f.Position < 3 {
						t.Errorf("names an entry of ours: %v", f)
					}
				}
			})
		})
	}
}
