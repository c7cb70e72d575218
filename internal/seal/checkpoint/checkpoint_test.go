package checkpoint_test

import (
	"strings"
	"testing"

	"github.com/paddock-gate/paddock/internal/seal/checkpoint"
)

func TestNewKey_Malformed(t *testing.T) {
	private, public, err := checkpoint.GenerateKey("a.example")
	if err != nil {
		t.Fatal(err)
	}
	if k, err := checkpoint.NewKey(private); err != nil || k.Public() != public {
		t.Errorf("public key %q (%v), want %q", k.Public(), err, public)
	}
	for _, text := range []string{"", " ", "x", public, private[:len(private)-4], private + " x", private + " " + private, strings.Replace(private, "a.example", "b.example", 1)} {
		if _, err := checkpoint.NewKey(text); err == nil {
			t.Errorf("accepts %q", text)
		}
	}
}
