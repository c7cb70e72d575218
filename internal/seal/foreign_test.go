package seal_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/paddock-gate/paddock/internal/seal"
	"github.com/paddock-gate/paddock/internal/seal/sealtest"
)

// forged inserts an entry with an id, as SQL has it, and without waiting to be sealed.
const forged = `INSERT INTO audit_entries (id, event_type, occurred_at, actor_email, ip, user_agent, request_id, outcome, detail)
	SELECT %s, event_type, %s, actor_email, ip, user_agent, request_id, outcome, 'forged' FROM audit_entries ORDER BY id DESC LIMIT 1`

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
				tr.Change(t, fmt.Sprintf(forged, id.sql, "occurred_at"))
				r, err := tr.Verify(t, "")
				if err != nil || len(r.Findings) != 1 || r.Findings[0].Kind != seal.Inserted {
					t.Fatalf("got %v, %v; want one inserted entry", r.Findings, err)
				}
			})
		})
	}
}

// TestSeal_Unreadable: what nobody can read holds up nothing, and is found later.
func TestSeal_Unreadable(t *testing.T) {
	for _, attack := range []struct{ name, statement string }{
		{"WaitingEmpty", `INSERT INTO unsealed_entries (id) VALUES ('')`},
		{"WaitingBlob", `INSERT INTO unsealed_entries (id) VALUES (x'00ff')`},
		{"WaitingNumber", `INSERT INTO unsealed_entries (id) VALUES (7)`},
		{"WaitingText", `INSERT INTO unsealed_entries (id) VALUES ('nothing')`},
		{"Entry", fmt.Sprintf(forged, `'ZZZ'`, "occurred_at")},
		{"OtherCase", fmt.Sprintf(forged, `upper('ffffffff-ffff-4fff-bfff-ffffffffffff')`, "occurred_at")},
		{"Time", fmt.Sprintf(forged, `'ffffffff-ffff-4fff-bfff-ffffffffffff'`, "'nonsense'")},
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
