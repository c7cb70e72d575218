package tokens

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

var (
	testSecret   = []byte("9f1c2ab07d3e48c5a6b1d0e7f8c3b2a4")
	otherSecret  = []byte("0123456789abcdef0123456789abcdef")
	testUser     = uuid.MustParse("0192b3c4-d5e6-7f80-9192-a3b4c5d6e7f8")
	testSession  = uuid.MustParse("0192b3c4-d5e6-7f80-9192-a3b4c5d6e7f9")
	testNow      = time.Date(2030, 1, 2, 3, 4, 5, 678_000_000, time.UTC)
	testLifetime = 10 * time.Minute
)

func testAccess(t testing.TB, secrets ...[]byte) *Access {
	t.Helper()
	made, err := NewAccess("HS256", testLifetime, secrets)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestAccessToken_UserAndSession(t *testing.T) {
	for _, ttl := range []time.Duration{time.Second, testLifetime, 30 * 24 * time.Hour} {
		made, err := NewAccess("HS256", ttl, [][]byte{testSecret})
		if err != nil {
			t.Fatal(err)
		}
		token, expires, err := made.Sign(testUser, testSession, testNow, testNow.Add(100*24*time.Hour))
		if err != nil || !expires.Equal(testNow.Add(ttl)) {
			t.Fatalf("expires %s, %v", expires, err)
		}
		if claims, _ := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1]); !strings.Contains(string(claims), `"iat":1893553445.678,`) {
			t.Errorf("claims %s", claims)
		}
		for _, at := range []time.Time{testNow.Add(-leeway), testNow, expires.Add(-time.Millisecond)} {
			if user, session, err := made.Verify(token, at); user != testUser || session != testSession || err != nil {
				t.Errorf("TTL %s, %s later: got %s, %s, %v", ttl, at.Sub(testNow), user, session, err)
			}
		}
		for _, at := range []time.Time{testNow.Add(-leeway - time.Millisecond), expires, expires.Add(time.Hour)} {
			if _, _, err := made.Verify(token, at); err == nil {
				t.Errorf("TTL %s: good %s later", ttl, at.Sub(testNow))
			}
		}
	}
}

func TestAccessToken_EndsWithItsSession(t *testing.T) {
	made := testAccess(t, testSecret)
	ends := testNow.Add(time.Minute)
	token, expires, err := made.Sign(testUser, testSession, testNow, ends)
	if err != nil || !expires.Equal(ends) {
		t.Fatalf("expires %s, %v", expires, err)
	}
	if _, _, err := made.Verify(token, ends); err == nil {
		t.Error("good beyond the session's end")
	}
}

func TestAccessToken_PreviousSecretStillVerifies(t *testing.T) {
	old := testAccess(t, otherSecret)
	token, _, err := old.Sign(testUser, testSession, testNow, testNow.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := testAccess(t, testSecret, otherSecret).Verify(token, testNow); err != nil {
		t.Errorf("during a roll: %v", err)
	}
	if _, _, err := testAccess(t, testSecret).Verify(token, testNow); err == nil {
		t.Error("good without its secret")
	}
}

func TestAccessToken_ShortSecret(t *testing.T) {
	if _, err := NewAccess("HS512", time.Minute, [][]byte{testSecret}); err == nil {
		t.Error("HS512 takes a secret of 32 bytes")
	}
}

func TestAccessToken_AnotherAlgorithm(t *testing.T) {
	long := []byte(strings.Repeat("9f1c2ab07d3e48c5", 4))
	signed, err := NewAccess("HS512", testLifetime, [][]byte{long})
	if err != nil {
		t.Fatal(err)
	}
	token, _, err := signed.Sign(testUser, testSession, testNow, testNow.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := signed.Verify(token, testNow); err != nil {
		t.Errorf("HS512 with HS512: %v", err)
	}
	if _, _, err := testAccess(t, long).Verify(token, testNow); err == nil {
		t.Error("HS256 takes HS512 under the same secret")
	}
}

// forge makes a token of the raw JSON texts, well signed with HMAC-SHA-256.
func forge(header, payload string) string {
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode([]byte(header)) + "." + encode([]byte(payload))
	mac := hmac.New(sha256.New, testSecret)
	mac.Write([]byte(signed))
	return signed + "." + encode(mac.Sum(nil))
}

// object writes the members as a JSON object; a value is JSON.
func object(members map[string]string) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(members)) {
		parts = append(parts, fmt.Sprintf("%q:%s", name, members[name]))
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func TestAccessToken_Traps(t *testing.T) {
	made := testAccess(t, testSecret)
	header := map[string]string{"alg": `"HS256"`, "kid": `"` + made.keyID + `"`, "typ": `"at+jwt"`}
	claims := map[string]string{
		"iss": `"paddock"`, "aud": `"paddock"`, "sub": `"` + testUser.String() + `"`, "sid": `"` + testSession.String() + `"`,
		"jti": `"x"`, "iat": fmt.Sprint(testNow.Unix()), "exp": fmt.Sprint(testNow.Unix() + 60),
	}
	with := func(m map[string]string, name, value string) string {
		m = maps.Clone(m)
		if m[name] = value; value == "" {
			delete(m, name)
		}
		return object(m)
	}
	h := func(name, value string) string { return forge(with(header, name, value), object(claims)) }
	c := func(name, value string) string { return forge(object(header), with(claims, name, value)) }
	good := forge(object(header), object(claims))
	if _, _, err := made.Verify(good, testNow); err != nil {
		t.Fatalf("the token that all others differ from: %v", err)
	}
	parts := strings.Split(good, ".")
	unsigned := parts[0] + "." + parts[1] + "."

	for name, token := range map[string]string{
		"empty":                   "",
		"no exp":                  c("exp", ""),
		"null exp":                c("exp", "null"),
		"exp as text":             c("exp", fmt.Sprintf(`"%d"`, testNow.Unix()+60)),
		"exp in the past":         c("exp", fmt.Sprint(testNow.Unix()-1)),
		"exp negative":            c("exp", "-1"),
		"exp zero":                c("exp", "0"),
		"exp too far":             c("exp", fmt.Sprint(testNow.Add(maxTTL).Unix()+1)),
		"exp in another era":      c("exp", "1e300"),
		"exp beyond numbers":      c("exp", "1e999"),
		"no iat":                  c("iat", ""),
		"null iat":                c("iat", "null"),
		"iat in the future":       c("iat", fmt.Sprint(testNow.Unix()+30)),
		"iat long ago":            c("iat", "1"),
		"no iss":                  c("iss", ""),
		"wrong iss":               c("iss", `"Paddock"`),
		"no aud":                  c("aud", ""),
		"wrong aud":               c("aud", `"other"`),
		"aud as list":             c("aud", `["paddock"]`),
		"no sub":                  c("sub", ""),
		"sub not a uuid":          c("sub", `"admin"`),
		"sub as number":           c("sub", "1"),
		"no sid":                  c("sid", ""),
		"sid not a uuid":          c("sid", `"1"`),
		"no jti":                  c("jti", ""),
		"claims null":             forge(object(header), "null"),
		"claims a list":           forge(object(header), "[]"),
		"claims doubled":          forge(object(header), strings.Replace(object(claims), "{", `{"exp":1,`, 1)),
		"claims not JSON":         forge(object(header), "exp"),
		"alg none":                h("alg", `"none"`),
		"alg none, not signed":    strings.Replace(unsigned, parts[0], base64.RawURLEncoding.EncodeToString([]byte(with(header, "alg", `"none"`))), 1),
		"not signed":              unsigned,
		"alg HS512":               h("alg", `"HS512"`),
		"alg RS256":               h("alg", `"RS256"`),
		"alg in lower case":       h("alg", `"hs256"`),
		"no alg":                  h("alg", ""),
		"no kid":                  h("kid", ""),
		"wrong kid":               h("kid", `"0000000000000000"`),
		"kid a path":              h("kid", `"../../dev/null"`),
		"no typ":                  h("typ", ""),
		"typ JWT":                 h("typ", `"JWT"`),
		"jku":                     h("jku", `"https://example.com/keys"`),
		"jwk":                     h("jwk", `{"kty":"oct","k":"AAAA"}`),
		"x5u":                     h("x5u", `"https://example.com/cert"`),
		"x5c":                     h("x5c", `[]`),
		"crit":                    h("crit", `["exp"]`),
		"b64":                     h("b64", "false"),
		"cty":                     h("cty", `"JWT"`),
		"header null":             forge("null", object(claims)),
		"header doubled":          forge(strings.Replace(object(header), "{", `{"alg":"none",`, 1), object(claims)),
		"header in another case":  forge(strings.Replace(object(header), `"kid"`, `"KID"`, 1), object(claims)),
		"more after the header":   forge(object(header)+"{}", object(claims)),
		"changed spare bit":       flipSpareBit(good),
		"trailing newline":        good + "\n",
		"newline in the middle":   parts[0] + "." + parts[1][:8] + "\n" + parts[1][8:] + "." + parts[2],
		"carriage return":         good + "\r",
		"padding":                 good + "=",
		"leading space":           " " + good,
		"trailing space":          good + " ",
		"four parts":              good + "." + parts[2],
		"two parts":               parts[0] + "." + parts[1],
		"trailing dot":            good + ".",
		"standard base64":         parts[0] + "+." + parts[1] + "." + parts[2],
		"another signature":       parts[0] + "." + parts[1] + "." + base64.RawURLEncoding.EncodeToString(make([]byte, 32)),
		"cut signature":           good[:len(good)-4],
		"others' claims":          parts[0] + "." + strings.Split(c("exp", fmt.Sprint(testNow.Unix()+61)), ".")[1] + "." + parts[2],
		"huge":                    forge(object(header), with(claims, "x", `"`+strings.Repeat("x", maxTokenBytes)+`"`)),
		"JSON serialisation":      fmt.Sprintf(`{"protected":%q,"payload":%q,"signature":%q}`, parts[0], parts[1], parts[2]),
		"five parts, as if a JWE": parts[0] + ".." + parts[1] + "." + parts[2] + ".x",
	} {
		t.Run(name, func(t *testing.T) {
			if user, session, err := made.Verify(token, testNow); err == nil {
				t.Errorf("accepted as %s, %s", user, session)
			}
		})
	}
}

// TestClaims_UnverifiedTokens: what is signed wrongly, or no longer valid, still says to be ours.
func TestClaims_UnverifiedTokens(t *testing.T) {
	made, other := testAccess(t, testSecret), testAccess(t, otherSecret)
	sign := func(by *Access) string {
		token, _, err := by.Sign(testUser, testSession, testNow, testNow)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	ours, theirs := sign(made), sign(other)
	head := func(header string) string { return forge(header, `{"iss":"paddock"}`) }
	for token, want := range map[string]bool{
		ours: true,
		ours[:strings.LastIndex(ours, ".")] + theirs[strings.LastIndex(theirs, "."):]: true,
		head(fmt.Sprintf(`{"alg":"HS256","kid":%q,"typ":"at+jwt"}`, made.keyID)):      true,
		theirs:                              false,
		ours[:len(ours)-1] + "=":            false,
		ours[:40]:                           false,
		"":                                  false,
		"a.b.c":                             false,
		head(`{"alg":"HS256","typ":"JWT"}`): false,
		head(`{"alg":"HS256","kid":"x","typ":"at+jwt"}`):                         false,
		head(fmt.Sprintf(`{"alg":"HS512","kid":%q,"typ":"at+jwt"}`, made.keyID)): false,
		head(fmt.Sprintf(`{"alg":"HS256","kid":%q,"typ":"JWT"}`, made.keyID)):    false,
	} {
		if got := made.Claims(token); got != want {
			t.Errorf("%s: %t", token, got)
		}
	}
}

// flipSpareBit changes the token's last character in a bit that carries nothing: 32 bytes leave two of them.
func flipSpareBit(token string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, token[len(token)-1])
	return token[:len(token)-1] + string(alphabet[last^1])
}

// FuzzVerify promises that no text but one that Sign made is taken for a token of ours, however it is changed.
func FuzzVerify(f *testing.F) {
	made := testAccess(f, testSecret)
	token := forge( // the same one in each of the fuzzing processes
		fmt.Sprintf(`{"alg":"HS256","kid":%q,"typ":"at+jwt"}`, made.keyID),
		fmt.Sprintf(`{"iss":"paddock","aud":"paddock","sub":%q,"sid":%q,"jti":"x","iat":%d,"exp":%d}`,
			testUser, testSession, testNow.Unix(), testNow.Unix()+60),
	)
	if _, _, err := made.Verify(token, testNow); err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{token, flipSpareBit(token), token + "\n", strings.ToUpper(token), "a.b.c", "..", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		_, _, err := made.Verify(text, testNow)
		if err == nil && text != token {
			t.Errorf("%q is taken for %q", text, token)
		}
		if err == nil && !made.Claims(text) {
			t.Errorf("%q does not claim to be ours", text)
		}
	})
}
