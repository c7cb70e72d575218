package ollama

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"
)

// TaggedRaw is a model as an upstream lists it.
type TaggedRaw struct {
	Name   string          // canonical
	Raw    json.RawMessage // the object, as the upstream wrote it
	Remote bool            // it runs elsewhere than on the upstream

	modified time.Time // zero in the terms of api/ps
}

// Tags lists the models that the upstreams hold, in the terms of api/tags:
// newest first, and a model that several hold once. It fails when no upstream
// answers. Remote models are left out unless Config.AllowCloud is set.
func (c *Client) Tags(ctx context.Context) ([]TaggedRaw, error) {
	return union(ctx, c, (*server).tags, TaggedRaw.key)
}

// Running lists the models that the upstreams have loaded, in the terms of
// api/ps, as Tags does.
func (c *Client) Running(ctx context.Context) ([]TaggedRaw, error) {
	return union(ctx, c, (*server).loaded, TaggedRaw.key)
}

func (t TaggedRaw) key() listKey { return listKey{t.Name, t.modified, t.Remote} }

func (s *server) tags(ctx context.Context) ([]TaggedRaw, error)   { return s.list(ctx, "api/tags") }
func (s *server) loaded(ctx context.Context) ([]TaggedRaw, error) { return s.list(ctx, "api/ps") }

// list fails when the server does, or answers no list. One malformed entry costs
// only that entry.
func (s *server) list(ctx context.Context, path string) ([]TaggedRaw, error) {
	var answer modelList
	if err := s.metadata(ctx, path, nil, &answer); err != nil {
		return nil, err
	}
	return answer.tagged(), nil
}

// modelList is what api/tags and api/ps answer.
type modelList struct {
	Models []json.RawMessage `json:"models"`
}

// timestamp is zero when the upstream writes what is none: no reason to do without
// its list.
type timestamp struct{ time.Time }

func (t *timestamp) UnmarshalJSON(b []byte) error {
	if t.Time.UnmarshalJSON(b) != nil {
		t.Time = time.Time{}
	}
	return nil
}

// tagged omits malformed entries, and names that nobody can call. Of several entries of one name all
// are remote if one is.
func (l modelList) tagged() []TaggedRaw {
	list, remote := make([]TaggedRaw, 0, len(l.Models)), map[string]bool{}
	for _, raw := range l.Models {
		var model struct {
			Name        string    `json:"name"`
			ModifiedAt  timestamp `json:"modified_at"`
			RemoteHost  present   `json:"remote_host"`
			RemoteModel present   `json:"remote_model"`
		}
		if json.Unmarshal(raw, &model) != nil {
			continue
		}
		if name, ok := listedName(model.Name); ok {
			list = append(list, TaggedRaw{Name: name, Raw: raw, modified: model.ModifiedAt.Time})
			remote[name] = remote[name] || bool(model.RemoteHost || model.RemoteModel) || IsCloudName(name)
		}
	}
	for i := range list {
		list[i].Remote = remote[list[i].Name]
	}
	return list
}

// present reports whether a field has a value other than null and "".
type present bool

func (p *present) UnmarshalJSON(b []byte) error {
	*p = string(b) != "null" && string(b) != `""`
	return nil
}

// listKey is what a union of lists goes by.
type listKey struct {
	name     string // canonical
	modified time.Time
	remote   bool
}

// union asks all servers at once. What one of them answers is enough.
func union[T any](ctx context.Context, c *Client, ask func(*server, context.Context) ([]T, error), key func(T) listKey) ([]T, error) {
	lists, errs := make([][]T, len(c.servers)), make([]error, len(c.servers))
	var asking sync.WaitGroup
	for i, s := range c.servers {
		asking.Go(func() { lists[i], errs[i] = ask(s, ctx) })
	}
	asking.Wait()
	if !slices.Contains(errs, nil) {
		return nil, errs[0]
	}
	listed, omit := slices.Concat(lists...), map[string]bool{}
	for _, item := range listed {
		if k := key(item); k.remote && !c.allowCloud {
			omit[k.name] = true // also where another server has it: calls for it are refused
		}
	}
	all := []T{}
	for _, item := range listed {
		if k := key(item); !omit[k.name] {
			omit[k.name] = true
			all = append(all, item)
		}
	}
	if len(lists) > 1 {
		slices.SortStableFunc(all, func(a, b T) int { return key(b).modified.Compare(key(a).modified) })
	}
	return all, nil
}
