package seal_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/paddock-gate/paddock/internal/seal"
	"github.com/paddock-gate/paddock/internal/seal/checkpoint"
	"github.com/paddock-gate/paddock/internal/seal/sealtest"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// forge makes, of a changed entry, another tree that the log's key has not signed.
func forge(t *testing.T, tr *sealtest.Trail) (head string) {
	t.Helper()
	tr.Change(t, `UPDATE audit_entries SET detail = 'nothing' WHERE id = '`+tr.IDs(t)[2].String()+`'`, `DELETE FROM seals`, `DELETE FROM seal_tiles`,
		`INSERT INTO unsealed_entries SELECT id FROM audit_entries WHERE true ON CONFLICT DO NOTHING`)
	head, err := seal.New(tr.Store, tr.Log, sealtest.NewKey(t)).Seal(t.Context())
	if err != nil || head == "" {
		t.Fatalf("not forged: %v", err)
	}
	tr.ExpireTurn(t)
	tr.Write(t, 1)
	tr.Exec(t, `INSERT INTO unsealed_entries SELECT id FROM audit_entries ORDER BY id DESC LIMIT 1`)
	return head
}

// TestSeal_ForgedHead: a sealer does not sign the tree that somebody else has made, whatever stands where a signature should, and that
// is found later, too.
func TestSeal_ForgedHead(t *testing.T) {
	for _, attack := range []struct {
		name string
		head func(forged string) string
	}{
		{"Foreign", func(forged string) string { return forged }},
		{"Unsigned", func(forged string) string { text, _, _ := strings.Cut(forged, "\n\n"); return text + "\n\n" }},
		{"WithoutBlankLine", func(forged string) string { text, _, _ := strings.Cut(forged, "\n\n"); return text + "\n" }},
		{"Garbage", func(string) string { return "—" }},
		{"Empty", func(string) string { return "" }},
	} {
		t.Run(attack.name, func(t *testing.T) {
			sealtest.Each(t, func(t *testing.T, tr *sealtest.Trail) {
				tr.Write(t, 5)
				old := tr.Seal(t)
				head := attack.head(forge(t, tr))
				tr.Exec(t, `UPDATE seals SET checkpoint = '`+head+`'`)
				for name, s := range map[string]*seal.Sealer{"the same process": tr.Sealer, "another": seal.New(tr.Store, tr.Log, tr.Key)} {
					if signed, err := s.Seal(t.Context()); err == nil || signed != "" {
						t.Errorf("%s has signed %q (%v)", name, signed, err)
					}
					tr.ExpireTurn(t)
				}
				if r, err := tr.Verify(t, ""); err == nil && len(r.Findings) == 0 {
					t.Error("nothing is found")
				}
				if r, err := tr.Verify(t, old); err == nil && len(r.Findings) == 0 {
					t.Error("nothing is found with the checkpoint")
				}
			})
		})
	}
}

// TestSeal_ForkedLonger: this process has seen another history than the one that goes on, which somebody has made who has the key.
func TestSeal_ForkedLonger(t *testing.T) {
	sealtest.Each(t, func(t *testing.T, tr *sealtest.Trail) {
		tr.Write(t, 300)
		tr.Seal(t)
		tr.Change(t, `UPDATE audit_entries SET detail = 'nothing' WHERE id = '`+tr.IDs(t)[2].String()+`'`, `DELETE FROM seals`, `DELETE FROM seal_tiles`,
			`INSERT INTO unsealed_entries SELECT id FROM audit_entries`)
		tr.Write(t, 1)
		tr.Exec(t, `INSERT INTO unsealed_entries SELECT id FROM audit_entries ORDER BY id DESC LIMIT 1`)
		if _, err := seal.New(tr.Store, tr.Log, tr.Key).Seal(t.Context()); err != nil {
			t.Fatal(err)
		}
		tr.ExpireTurn(t)
		tr.Write(t, 1)
		tr.Exec(t, `INSERT INTO unsealed_entries SELECT id FROM audit_entries ORDER BY id DESC LIMIT 1`)
		if signed, err := tr.Sealer.Seal(t.Context()); !errors.Is(err, checkpoint.ErrForked) {
			t.Errorf("goes on with another history: %q, %v; want checkpoint.ErrForked", signed, err)
		}
	})
}

// FuzzSeal_Head: no head makes the sealer panic, or sign.
func FuzzSeal_Head(f *testing.F) {
	for _, head := range []string{"", "a\n5\n", "a\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", "a\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n— a\n"} {
		f.Add(head)
	}
	tr := sealtest.New(f, storetest.SQLite(f))
	tr.Write(f, 1)
	tr.Seal(f)
	tr.Write(f, 1)
	f.Fuzz(func(t *testing.T, head string) {
		if strings.ContainsRune(head, 0) {
			t.Skip()
		}
		tr.Exec(t, `UPDATE seals SET held_until = '2020-01-01 00:00:00+00:00', checkpoint = '`+strings.ReplaceAll(head, "'", "''")+`'`)
		if signed, err := seal.New(tr.Store, tr.Log, tr.Key).Seal(t.Context()); err == nil {
			t.Errorf("has signed %q", signed)
		}
	})
}
