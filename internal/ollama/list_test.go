package ollama

import (
	"encoding/json"
	"strings"
	"testing"
)

// Whatever an upstream lists, every name of the list can be called, and every
// object can be passed on.
func FuzzModelList(f *testing.F) {
	f.Add([]byte(`{"models":[{"name":"A","modified_at":"2026-11-22T19:58:57.120034514Z"},{"name":"library/a:latest"}]}`))
	f.Add([]byte(`{"models":[{"name":"no such name"},{"name":1},null,{}]}`))
	f.Add([]byte(`{"models":null}`))
	f.Fuzz(func(t *testing.T, answer []byte) {
		var list ModelList
		if json.Unmarshal(answer, &list) != nil {
			return
		}
		for _, m := range list.Tagged() {
			if name, err := Canonical(m.Name); name != m.Name || err != nil {
				t.Errorf("name %q, canonical %q, %v", m.Name, name, err)
			}
			if !json.Valid(m.Raw) {
				t.Errorf("raw %q", m.Raw)
			}
		}
	})
}

func TestModelList_OmitsMalformedEntries(t *testing.T) {
	for answer, want := range map[string]string{
		`{"models":[{"name":"a"},1,{"name":"b"}]}`:                                 "a:latest b:latest",
		`{"models":[{"name":1},{"name":"b"}]}`:                                     "b:latest",
		`{"models":[null,[],"a",{"name":["a"]},{"name":"b","size":"big"}]}`:        "b:latest",
		`{"models":[{"name":"a","modified_at":7},{"name":"m:local"},{}]}`:          "a:latest",
		`{"models":[{"name":"a","model":null},{"model":"b"},{"name":" "}]}`:        "a:latest",
		`{"models":[{"name":"a","remote_host":{}},{"name":"b","remote_host":""}]}`: "a:latest b:latest",
	} {
		var list ModelList
		if err := json.Unmarshal([]byte(answer), &list); err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, m := range list.Tagged() {
			names = append(names, m.Name)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s: %s, want %s", answer, got, want)
		}
	}
}
