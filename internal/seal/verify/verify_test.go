package verify_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/internal/seal/sealtest"
	"github.com/paddock-gate/paddock/internal/seal/verify"
)

func TestVerify_Sound(t *testing.T) {
	sealtest.Each(t, func(t *testing.T, tr *sealtest.Trail) {
		if _, err := tr.Verify(t, ""); !errors.Is(err, verify.ErrNotSealed) {
			t.Fatalf("before the first entry: %v", err)
		}
		tr.Write(t, 3)
		first := tr.Seal(t)
		tr.WantSound(t, first, 3, 0)
		tr.Write(t, 600)
		tr.WantSound(t, first, 3, 600)
		second := tr.Seal(t)
		tr.WantSound(t, first, 603, 0)
		if again := tr.Seal(t); again != "" {
			t.Errorf("sealed nothing and got %q", again)
		}
		tr.Write(t, 1)
		tr.Seal(t)
		tr.WantSound(t, first, 604, 0)
		tr.WantSound(t, second, 604, 0)
	})
}

// TestVerify_Attacks: whatever somebody with all rights to the database does to entries is named.
func TestVerify_Attacks(t *testing.T) {
	const copied = `(id, event_type, occurred_at, actor_email, ip, user_agent, request_id, outcome, detail)
		SELECT '%[2]s', event_type, occurred_at, actor_email, ip, user_agent, request_id, outcome, 'forged' FROM audit_entries WHERE id = '%[1]s'`
	forged := uuid.Must(uuid.NewV7())
	for _, attack := range []struct {
		name       string
		statements []string // %[1]s is the id at position 2, %[2]s that at 3
		kinds      map[int64]verify.Kind
	}{
		{"Changed", []string{`UPDATE audit_entries SET detail = 'nothing' WHERE id = '%[1]s'`}, map[int64]verify.Kind{2: verify.Changed}},
		{"ChangedToNull", []string{`UPDATE audit_entries SET actor_user_id = '%[2]s' WHERE id = '%[1]s'`}, map[int64]verify.Kind{2: verify.Changed}},
		{"Backdated", []string{`UPDATE audit_entries SET occurred_at = '2020-01-01 00:00:00+00:00' WHERE id = '%[1]s'`}, map[int64]verify.Kind{2: verify.Changed}},
		{"Deleted", []string{`DELETE FROM audit_entries WHERE id = '%[1]s'`}, map[int64]verify.Kind{2: verify.Deleted}},
		{"LastDeleted", []string{`DELETE FROM audit_entries WHERE id > '%[1]s'`}, map[int64]verify.Kind{3: verify.Deleted, 4: verify.Deleted}},
		{"Inserted", []string{`INSERT INTO audit_entries ` + fmt.Sprintf(copied, "%[1]s", forged)}, map[int64]verify.Kind{-1: verify.Inserted}},
		{"Swapped", []string{
			`UPDATE audit_entries SET detail = 'held' WHERE id = '%[1]s'`,
			`UPDATE audit_entries SET detail = 'reason "2"' || '%[3]s' WHERE id = '%[2]s'`,
			`UPDATE audit_entries SET detail = 'reason "3"' || '%[3]s' WHERE id = '%[1]s'`,
			`UPDATE audit_entries SET request_id = ''`,
			`UPDATE audit_entries SET occurred_at = (SELECT o.occurred_at FROM swap AS o WHERE o.id = audit_entries.id) WHERE id IN ('%[1]s', '%[2]s')`,
		}, map[int64]verify.Kind{2: verify.Swapped, 3: verify.Swapped}},
		{"IDsSwapped", []string{
			`UPDATE audit_entries SET id = '` + forged.String() + `' WHERE id = '%[1]s'`,
			`UPDATE audit_entries SET id = '%[1]s' WHERE id = '%[2]s'`,
			`UPDATE audit_entries SET id = '%[2]s' WHERE id = '` + forged.String() + `'`,
		}, map[int64]verify.Kind{2: verify.Swapped, 3: verify.Swapped}},
		{"Replaced", []string{
			`INSERT INTO audit_entries ` + fmt.Sprintf(copied, "%[1]s", forged),
			`DELETE FROM audit_entries WHERE id = '%[1]s'`,
		}, map[int64]verify.Kind{-1: verify.Inserted, 2: verify.Deleted}},
	} {
		if attack.name == "Swapped" {
			attack.statements = append([]string{`CREATE TABLE swap AS SELECT a.id, b.occurred_at FROM audit_entries AS a
				JOIN audit_entries AS b ON a.id <> b.id WHERE a.id IN ('%[1]s', '%[2]s') AND b.id IN ('%[1]s', '%[2]s')`}, attack.statements...)
		}
		t.Run(attack.name, func(t *testing.T) {
			sealtest.Each(t, func(t *testing.T, tr *sealtest.Trail) {
				tr.Write(t, 5)
				tr.Seal(t)
				tr.WantSound(t, "", 5, 0)
				ids := tr.IDs(t)
				var statements []string
				for _, s := range attack.statements {
					statements = append(statements, fmt.Sprintf(s+"%.0[1]s%.0[2]s%.0[3]s", ids[2], ids[3], "\n\x01é"))
				}
				tr.Change(t, statements...)
				r, err := tr.Verify(t, "")
				if err != nil {
					t.Fatal(err)
				}
				got := map[int64]verify.Kind{}
				for _, f := range r.Findings {
					got[f.Position] = f.Kind
					if f.Kind == verify.Inserted && f.Entry != forged || f.Position >= 0 && f.Entry != ids[f.Position] {
						t.Errorf("names another entry: %v", f)
					}
				}
				if fmt.Sprint(got) != fmt.Sprint(attack.kinds) {
					t.Errorf("got %v, want %v", r.Findings, attack.kinds)
				}
			})
		})
	}
}

// TestVerify_UpperTiles: tiles above those of the leaves are compared, too: with a wrong one, sealing stops.
func TestVerify_UpperTiles(t *testing.T) {
	sealtest.Each(t, func(t *testing.T, tr *sealtest.Trail) {
		tr.Write(t, 600)
		tr.Seal(t)
		r, err := verify.Trail(t.Context(), tr.Store, verify.Options{Keys: tr.Key.Verifiers()})
		if err != nil || len(r.Findings) > 0 {
			t.Fatalf("sound: %v, %v", r.Findings, err)
		}
		tr.Exec(t, `UPDATE seal_tiles SET data = (SELECT data FROM seal_tiles WHERE id = '0/000000000000') WHERE id = '1/000000000000'`)
		r, err = verify.Trail(t.Context(), tr.Store, verify.Options{Keys: tr.Key.Verifiers()})
		if err != nil || len(r.Findings) != 1 || r.Findings[0].Kind != verify.Damaged || !strings.Contains(r.Findings[0].Detail, "1/000000000000") {
			t.Errorf("got %v, %v; want the tile damaged", r.Findings, err)
		}
	})
}
