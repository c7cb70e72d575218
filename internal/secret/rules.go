package secret

import (
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// ErrWeakPassword is wrapped by every error of CheckPassword.
var ErrWeakPassword = errors.New("password is too weak")

const (
	maxPasswordBytes = 1024
	minDistinct      = 5 // different characters
)

// commonTxt holds frequent passwords, lower-case, the most frequent first: of the list that zxcvbn-ts ships (MIT
// licence), the first 3,000 with at least 6 characters and every further one with at least 12.
//
//go:embed common.txt
var commonTxt string

var common = sync.OnceValue(func() map[string]struct{} {
	words := make(map[string]struct{})
	for word := range strings.Lines(commonTxt) {
		words[strings.TrimSpace(word)] = struct{}{}
	}
	return words
})

// walks are the runs that people type along the alphabet and the keyboard; read backwards too.
var walks = []string{
	strings.Repeat("0123456789", 8),
	strings.Repeat("abcdefghijklmnopqrstuvwxyz", 3),
	"qwertyuiopasdfghjklzxcvbnm",
	"1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p;/",
	"1q2w3e4r5t6y7u8i9o0p",
}

// CheckPassword applies NIST SP 800-63B-4, section 3.1.1.2: a least length in code points, and no password that is
// common, that is a mere pattern, or that is little more than words of context (the user's email and name) or the
// product's name. There is no rule of composition. The error wraps ErrWeakPassword and states the reason in words for
// the person.
func CheckPassword(password string, minLength int, context ...string) error {
	if len(password) > maxPasswordBytes {
		return weak("it has more than %d bytes", maxPasswordBytes)
	}
	if !utf8.ValidString(password) {
		return weak("it is not valid UTF-8")
	}
	password = norm.NFC.String(password)
	if utf8.RuneCountInString(password) < minLength {
		return weak("it needs at least %d characters", minLength)
	}
	password = strings.ToLower(password)
	switch {
	case isCommon(password):
		return weak("it is one of the most common passwords, or one with digits or signs added")
	case isPattern(password):
		return weak("it repeats a few characters or follows the keyboard or the alphabet")
	case isContext(password, minLength, context):
		return weak("it is too close to the email or the name")
	}
	return nil
}

func weak(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrWeakPassword}, args...)...)
}

func isCommon(password string) bool {
	core := strings.TrimFunc(password, func(r rune) bool { return !unicode.IsLetter(r) })
	_, whole := common()[password]
	_, padded := common()[core]
	return whole || padded
}

func isPattern(password string) bool {
	distinct := make(map[rune]struct{})
	for _, r := range password {
		distinct[r] = struct{}{}
	}
	if len(distinct) < minDistinct {
		return true
	}
	backwards := []rune(password)
	slices.Reverse(backwards)
	return slices.ContainsFunc(walks, func(walk string) bool {
		return strings.Contains(walk, password) || strings.Contains(walk, string(backwards))
	})
}

// isContext reports whether fewer than half of the demanded characters are left once the words of the context are
// taken out.
func isContext(password string, minLength int, context []string) bool {
	rest := password
	for _, word := range contextWords(append([]string{"paddock"}, context...)) {
		rest = strings.ReplaceAll(rest, word, "")
	}
	return rest != password && utf8.RuneCountInString(rest) < minLength/2
}

// contextWords returns each text as a whole and its words of four characters or more, lower-case, longest first.
func contextWords(context []string) []string {
	var words []string
	for _, text := range context {
		text = strings.ToLower(norm.NFC.String(text))
		words = append(words, text)
		words = append(words, strings.FieldsFunc(text, isSign)...)
	}
	words = slices.DeleteFunc(words, func(w string) bool { return utf8.RuneCountInString(w) < 4 })
	slices.SortFunc(words, func(a, b string) int { return len(b) - len(a) })
	return words
}

func isSign(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }
