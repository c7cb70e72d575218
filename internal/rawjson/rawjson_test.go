package rawjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestMembers_NoPlainObject(t *testing.T) {
	for _, c := range []struct {
		body string
		want error
	}{
		{``, errNotJSON},
		{`hello`, errNotJSON},
		{`null`, errNotJSON},
		{`[]`, errNotJSON},
		{"\ufeff{}", errNotJSON},
		{`{`, errNotJSON},
		{`{"a"`, errNotJSON},
		{`{"a":`, errNotJSON},
		{`{"a":1`, errNotJSON},
		{`{"a":1,}`, errNotJSON},
		{`{,"a":1}`, errNotJSON},
		{`{"a" 1}`, errNotJSON},
		{`{a:1}`, errNotJSON},
		{`{'a':1}`, errNotJSON},
		{`{"a":01}`, errNotJSON},
		{`{"a":+1}`, errNotJSON},
		{`{"a":1.}`, errNotJSON},
		{`{"a":.5}`, errNotJSON},
		{`{"a":1e}`, errNotJSON},
		{`{"a":-}`, errNotJSON},
		{`{"a":NaN}`, errNotJSON},
		{`{"a":True}`, errNotJSON},
		{`{"a":nul}`, errNotJSON},
		{`{"a":[1,]}`, errNotJSON},
		{`{"a":[1 2]}`, errNotJSON},
		{`{"a":"\x41"}`, errNotJSON},
		{`{"a":"\u12"}`, errNotJSON},
		{`{"a":"\u12g4"}`, errNotJSON},
		{`{"a":"unfinished`, errNotJSON},
		{`{"a":"unfinished\`, errNotJSON},
		{`{"a":1}x`, errTrailing},
		{`{"a":1} {"a":2}`, errTrailing},
		{"{\"a\":\"tab\there\"}", errControl},
		{"{\"a\":\"new\nline\"}", errControl},
		{"{\"a\":\"\x00\"}", errControl},
		{"{\"a\":\"\xff\"}", errNotUTF8},
		{"{\"a\":\"a long text of more than sixteen bytes, \xff\"}", errNotUTF8},
		{"{\"a\":\"a long text of more than sixteen bytes\xc3\"}", errNotUTF8},
		{"{\"a\":\"\\n\xff0123456789abcdef\"}", errNotUTF8},
		{"{\"\xff\":1}", errNotUTF8},
		{"{\"a\":\"\xed\xa0\x80\"}", errNotUTF8},
		{`{"a":1,"a":2}`, duplicateError("a")},
		{`{"a":1,"\u0061":2}`, duplicateError("a")},
		{`{"a":` + strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001) + `}`, errDepth},
		{`{"a":` + strings.Repeat(`{"a":`, 10_001) + `1` + strings.Repeat("}", 10_002), errDepth},
		{`{"a":` + strings.Repeat("[", 1_000_000), errDepth},
	} {
		if _, err := Members([]byte(c.body), nil); !errors.Is(err, c.want) {
			t.Errorf("%.60q: %v, want %v", c.body, err, c.want)
		}
	}
	var many strings.Builder
	for i := range 100 {
		many.WriteString(`,"` + strings.Repeat("x", i) + `":1`)
	}
	if _, err := Members([]byte(`{`+many.String()[1:]+`}`), nil); !errors.Is(err, errMany) {
		t.Errorf("100 fields: %v", err)
	}
}

func TestMembers_ValuesAsWritten(t *testing.T) {
	got, err := Members([]byte(" {\"a\" : \"x\\ny\" ,\r\n\t\"b\\u0063\":[ 1,2 ] , \"\":{\"d\" :null}, \"n\":-1.5E+3}\n"), nil)
	want := map[string]string{"a": `"x\ny"`, "bc": `[ 1,2 ]`, "": `{"d" :null}`, "n": `-1.5E+3`}
	if err != nil || len(got) != len(want) {
		t.Fatalf("%v, %v", got, err)
	}
	for _, m := range got {
		if want[m.Key] != string(m.Value) {
			t.Errorf("%q is %s, want %s", m.Key, m.Value, want[m.Key])
		}
	}
}

func TestPlain_Special(t *testing.T) {
	for _, around := range []string{"é", "!# [] \x7f"} { // neighbours of what is special
		text := bytes.Repeat([]byte(around), 40/len(around))
		for c := range 256 {
			special := c < ' ' || c == '"' || c == '\\'
			for at := range text {
				b := bytes.Clone(text)
				b[at] = byte(c)
				want := len(b)
				if special {
					want = at
				}
				if got := new(scanner).plain(b); got != want {
					t.Fatalf("%#x at %d in %q: %d", c, at, around, got)
				}
			}
		}
	}
}

// FuzzMembers: what passes, encoding/json takes too, with the same keys and values.
func FuzzMembers(f *testing.F) {
	for _, body := range []string{
		`{"model":"tiny-chat","messages":[{"role":"user","content":"hi \"there\"\n \u00e9 \ud83d\ude42"}],"options":{"seed":-1.5e3}}`,
		`{"a":1,"a":2}`, `{"a":"\u0000"}`, `{"\ud800":"\udc00"}`, `{"a":[[],{},"",null,true,false,0,-0,1E5]} `, `{"a":1}}`, "{\"\xff\":1}",
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := Members(body, nil)
		if err != nil {
			return
		}
		var want map[string]json.RawMessage
		if err := json.Unmarshal(body, &want); err != nil {
			t.Fatalf("passes, but %v", err)
		}
		if len(got) != len(want) {
			t.Fatalf("%d members, want %d", len(got), len(want))
		}
		for _, m := range got {
			if !bytes.Equal(m.Value, want[m.Key]) {
				t.Errorf("%q is %s, want %s", m.Key, m.Value, want[m.Key])
			}
			var list []json.RawMessage
			if m.Value[0] == '[' && json.Unmarshal(m.Value, &list) == nil {
				found := slices.Collect(Elements(m.Value))
				if len(found) != len(list) {
					t.Errorf("%d elements, want %d", len(found), len(list))
				}
				for i := range min(len(found), len(list)) {
					if !reflect.DeepEqual(json.RawMessage(found[i]), list[i]) {
						t.Errorf("element %d is %s, want %s", i, found[i], list[i])
					}
				}
			}
		}
	})
}

// FuzzRefused: what encoding/json takes and members refuses, it refuses for one of its own reasons.
func FuzzRefused(f *testing.F) {
	f.Add([]byte(`{"a":[1,2,{"b":"c"}],"d":-0.5e-1}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var object map[string]json.RawMessage
		if json.Unmarshal(body, &object) != nil || object == nil {
			return
		}
		if _, err := Members(body, nil); errors.Is(err, errNotJSON) || errors.Is(err, errTrailing) {
			t.Errorf("%q: %v", body, err)
		}
	})
}

// A prompt of 256 kB, with the escapes that prose has.
var longPrompt = []byte(`{"model":"tiny-chat","messages":[{"role":"user","content":"` +
	strings.Repeat(`It was the best of times, it was the \"worst\" of times;\nit was the age of wisdom, café. `, 256<<10/90) + `"}]}`)

func TestScanner_CheckedStrings(t *testing.T) {
	for _, text := range []string{`""`, `"a"`, `"\""`, `"\\"`, `"\\\""`, `"a\\\\"`, `"\u005c"`, `"\\\"\\"`, `"é\""`} {
		in := []byte(`[` + text + `,"next\""]`)
		if got := slices.Collect(Elements(in)); len(got) != 2 || string(got[0]) != text || string(got[1]) != `"next\""` {
			t.Errorf("%s: %q", in, got)
		}
		s := scanner{in: in, at: 1}
		if err := s.str(); err != nil || string(in[1:s.at]) != text {
			t.Errorf("%s: %s, %v", text, in[1:s.at], err)
		}
	}
}

func BenchmarkMembers256kB(b *testing.B) {
	b.SetBytes(int64(len(longPrompt)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Members(longPrompt, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzFind checks what is found in objects against encoding/json.
func FuzzFind(f *testing.F) {
	f.Add([]byte(`{"a":{"b":[1],"b":"x\"y"},"c":"{\"b\":2}"}`), "b")
	f.Add([]byte(`{"a":{"\u0062":1, "b" : null}}`), "b")
	f.Fuzz(func(t *testing.T, body []byte, key string) {
		all, err := Members(body, nil)
		if err != nil || bytes.ContainsRune(body, '\\') || bytes.ContainsAny(Quote(key), `\`) {
			return // a key with an escape is not found
		}
		for _, m := range all {
			want := json.RawMessage("null")
			var object map[string]json.RawMessage
			if json.Unmarshal(m.Value, &object) == nil && object[key] != nil {
				want = object[key]
			}
			if got := Find(m.Value, key); !bytes.Equal(got, want) {
				t.Errorf("%q in %s is %s, want %s", key, m.Value, got, want)
			}
		}
	})
}

// FuzzMapStrings checks that every text of a value is replaced and nothing else, and that texts come out of quotes as they went in.
func FuzzMapStrings(f *testing.F) {
	f.Add([]byte(`{"a":["x",{"k":"y\\\""}," "],"b":"x" , "c":1}`), "new \"text\"\n\u2028")
	f.Fuzz(func(t *testing.T, body []byte, text string) {
		text = strings.ToValidUTF8(text, "")
		if got := Unquote(Quote(text)); got != text {
			t.Fatalf("%q became %q", text, got)
		}
		if _, err := Members(body, nil); err != nil {
			return
		}
		if same := MapStrings(body, func(quoted []byte) []byte { return quoted }); !bytes.Equal(same, body) {
			t.Fatalf("%s became %s", body, same)
		}
		got := MapStrings(body, func([]byte) []byte { return Quote(text) })
		var was, is any
		if err := json.Unmarshal(body, &was); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(got, &is); err != nil || !reflect.DeepEqual(is, allTexts(was, text)) {
			t.Errorf("%s became %s, %v", body, got, err)
		}
	})
}

// allTexts returns a value with text in the place of every text in it.
func allTexts(v any, text string) any {
	switch v := v.(type) {
	case string:
		return text
	case []any:
		for i := range v {
			v[i] = allTexts(v[i], text)
		}
	case map[string]any:
		for key := range v {
			v[key] = allTexts(v[key], text)
		}
	}
	return v
}
