package tokens

import (
	"bytes"
	"strings"
	"testing"
)

var testSalt = bytes.Repeat([]byte{7}, SaltBytes)

func testRefresh(t testing.TB, secrets ...[]byte) Refresh {
	t.Helper()
	keys, err := NewRefresh(secrets)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func TestRefreshToken_SessionAndGeneration(t *testing.T) {
	keys := testRefresh(t, testSecret)
	for _, generation := range []int{0, 1, 1 << 40} {
		token := keys.Token(testSession, generation, testSalt)
		claim, ok := ParseRefresh(token)
		if !ok || claim.Session != testSession || claim.Generation != generation || !keys.Verify(claim, testSalt) {
			t.Errorf("%q is %v, %v", token, claim, ok)
		}
		if again := keys.Token(testSession, generation, testSalt); again != token {
			t.Errorf("told again it is %q, not %q", again, token)
		}
	}
}

func TestRefreshToken_OfAnotherSession(t *testing.T) {
	keys := testRefresh(t, testSecret)
	token := keys.Token(testSession, 3, testSalt)
	claim, _ := ParseRefresh(token)
	if keys.Verify(claim, bytes.Repeat([]byte{8}, SaltBytes)) {
		t.Error("good for another session's salt")
	}
	if testRefresh(t, otherSecret).Verify(claim, testSalt) {
		t.Error("good under another secret")
	}
	if !testRefresh(t, otherSecret, testSecret).Verify(claim, testSalt) {
		t.Error("not good while the secret is rolled")
	}
	// Who knows a session's id and one of its tokens makes no other of it.
	claim.claim = bytes.Clone(claim.claim)
	claim.claim[len(claim.claim)-1]++
	if keys.Verify(claim, testSalt) {
		t.Error("good for another generation")
	}
}

func TestRefreshToken_Malformed(t *testing.T) {
	good := testRefresh(t, testSecret).Token(testSession, 3, testSalt)
	if _, ok := ParseRefresh(good); !ok {
		t.Fatal("the token that all others differ from is refused")
	}
	for _, token := range []string{
		"", "pdr_", "pdk_" + good[4:], good[4:], good + "=", good + "\n", "\n" + good, good + "A", good[:len(good)-1],
		good[:20] + "\n" + good[20:], good[:20] + "\r\n" + good[22:], good[:20] + "+" + good[21:], good[:20] + " " + good[21:],
		flipSpareBit(good), strings.ToUpper(good), "PDR_" + good[4:],
	} {
		if claim, ok := ParseRefresh(token); ok {
			t.Errorf("%q is taken for %v", token, claim)
		}
	}
}

// FuzzParseRefresh promises that parsing never panics and that each token has one spelling.
func FuzzParseRefresh(f *testing.F) {
	keys := testRefresh(f, testSecret)
	good := keys.Token(testSession, 3, testSalt)
	for _, s := range []string{good, flipSpareBit(good), good + "\n", refreshPrefix, ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		claim, ok := ParseRefresh(text)
		if !ok {
			return
		}
		if keys.Verify(claim, testSalt) && text != keys.Token(claim.Session, claim.Generation, testSalt) {
			t.Errorf("%q is taken for another spelling", text)
		}
	})
}
