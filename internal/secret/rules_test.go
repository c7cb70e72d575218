package secret

import (
	"errors"
	"math"
	"strings"
	"testing"
)

func TestCheckPassword(t *testing.T) {
	context := []string{"ada.lovelace@example.com", "Ada Lovelace"}
	for _, c := range []struct {
		password string
		weak     string // part of the reason; empty: accepted
	}{
		{"correct horse battery staple", ""},
		{"onlylowercaseletters", ""},
		{"žluťoučký kůň", ""},
		{"двенадцать12", ""},
		{"lovelace makes engines", ""},
		{"my-paddock-is-green", ""},
		{strings.Repeat("пароль мой ", 40), ""},
		{"elevenchars", "at least 12"},
		{"ááááááááááá", "at least 12"},           // 11 code points, 22 bytes
		{"e\u0301tudier a\u0301", "at least 12"}, // 12 code points, 10 once composed
		{strings.Repeat("0123456789abcdef", 64) + "x", "1024 bytes"},
		{"correct\xffhorse battery", "UTF-8"},
		{"administrator", "common"},
		{"AdMiNiStRaToR", "common"},
		{"mailcreated5240", "common"},
		{"password2024!", "common"},
		{"123!password", "common"},
		{"aaaaaaaaaaaaa", "repeats"},
		{"abababababab", "repeats"},
		{"123456789012345", "follows"},
		{"lkjhgfdsapoiuytrewq", "follows"},
		{"ABCDEFGHIJKLMN", "follows"},
		{"ada.lovelace@example.com", "email or the name"},
		{"Ada Lovelace", "email or the name"},
		{"Lovelace1234", "email or the name"},
		{"paddock-1234", "email or the name"},
	} {
		err := CheckPassword(c.password, 12, context...)
		switch {
		case c.weak == "" && err != nil:
			t.Errorf("%q was refused: %v", c.password, err)
		case c.weak != "" && (!errors.Is(err, ErrWeakPassword) || !strings.Contains(err.Error(), c.weak)):
			t.Errorf("%q: %v, want a reason with %q", c.password, err, c.weak)
		}
	}
}

func TestCheckPassword_MaxLength(t *testing.T) {
	if err := CheckPassword(strings.Repeat("0123456789abcdef", 64), 12); err != nil {
		t.Error(err)
	}
}

func TestCheckPassword_ShortContext(t *testing.T) {
	if err := CheckPassword("ab-green-elephants", 12, "", "ab", "a@b.c"); err != nil {
		t.Error(err)
	}
}

func TestNewPassword_MeetsRules(t *testing.T) {
	a, b := NewPassword(), NewPassword()
	if bits := math.Log2(62) * float64(len(a)); a == b || bits < 128 || CheckPassword(a, 22) != nil {
		t.Errorf("%q, then %q", a, b)
	}
}
