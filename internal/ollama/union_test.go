package ollama

import (
	"encoding/json"
	"errors"
	"testing"
)

// Whatever an upstream lists, every name of the list can be called, and every
// object can be passed on.
func FuzzModelList(f *testing.F) {
	f.Add([]byte(`{"models":[{"name":"A","modified_at":"2026-11-22T19:58:57.120034514Z"},{"name":"library/a:latest"}]}`))
	f.Add([]byte(`{"models":[{"name":"no such name"},{"name":1},null,{}]}`))
	f.Add([]byte(`{"models":null}`))
	f.Fuzz(func(t *testing.T, answer []byte) {
		var list modelList
		if json.Unmarshal(answer, &list) != nil {
			return
		}
		models, err := list.tagged()
		if err != nil && !errors.Is(err, ErrFailed) {
			t.Error(err)
		}
		for _, m := range models {
			if name, err := Canonical(m.Name); name != m.Name || err != nil {
				t.Errorf("name %q, canonical %q, %v", m.Name, name, err)
			}
			if !json.Valid(m.Raw) {
				t.Errorf("raw %q", m.Raw)
			}
		}
	})
}
