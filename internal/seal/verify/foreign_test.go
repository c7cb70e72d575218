package verify_test

import (
	"fmt"
	"testing"

	"github.com/paddock-gate/paddock/internal/seal/sealtest"
	"github.com/paddock-gate/paddock/internal/seal/verify"
)

// TestVerify_ForeignID: an entry whose id no entry of ours has is named, alone, and the others are still compared.
func TestVerify_ForeignID(t *testing.T) {
	for _, id := range []struct {
		name, sql string
		embedded  bool // which alone takes it
	}{
		{"Zeros", `'00000000-0000-0000-0000-000000000000'`, false},
		{"Empty", `''`, true},
		{"Blob", `x'0123456789abcdef0123456789abcdef'`, true},
		{"BlobOfText", `CAST('ffffffff-ffff-4fff-bfff-ffffffffffff' AS BLOB)`, true},
		{"Number", `7`, true},
		{"SortsEarly", `'!'`, true},
		{"SortsLate", `'z'`, true},
		{"OtherCase", `upper('ffffffff-ffff-4fff-bfff-ffffffffffff')`, true},
	} {
		t.Run(id.name, func(t *testing.T) {
			sealtest.Each(t, func(t *testing.T, tr *sealtest.Trail) {
				if id.embedded && !tr.Store.Embedded() {
					t.Skip("PostgreSQL does not take it")
				}
				tr.Write(t, 5)
				tr.Seal(t)
				tr.Change(t, fmt.Sprintf(sealtest.Forged, id.sql, "occurred_at"))
				r, err := tr.Verify(t, "")
				if err != nil || len(r.Findings) != 1 || r.Findings[0].Kind != verify.Inserted {
					t.Fatalf("got %v, %v; want one inserted entry", r.Findings, err)
				}
			})
		})
	}
}
