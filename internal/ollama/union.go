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
	Name string          // canonical
	Raw  json.RawMessage // the object, as the upstream wrote it

	modified time.Time // zero in the terms of api/ps
}

// Tags lists the models that the upstreams hold, in the terms of api/tags:
// newest first, and a model that several hold once. It fails when no upstream
// answers.
func (c *Client) Tags(ctx context.Context) ([]TaggedRaw, error) {
	return union(ctx, c.servers, (*server).tags, TaggedRaw.key)
}

// Running lists the models that the upstreams have loaded, in the terms of
// api/ps. It fails when no upstream answers.
func (c *Client) Running(ctx context.Context) ([]TaggedRaw, error) {
	return union(ctx, c.servers, (*server).loaded, TaggedRaw.key)
}

func (t TaggedRaw) key() (string, time.Time) { return t.Name, t.modified }

func (s *server) tags(ctx context.Context) ([]TaggedRaw, error)   { return s.list(ctx, "api/tags") }
func (s *server) loaded(ctx context.Context) ([]TaggedRaw, error) { return s.list(ctx, "api/ps") }

func (s *server) list(ctx context.Context, path string) ([]TaggedRaw, error) {
	var answer modelList
	if err := s.metadata(ctx, path, nil, &answer); err != nil {
		return nil, err
	}
	return answer.tagged()
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

// tagged leaves out names that nobody can call.
func (l modelList) tagged() ([]TaggedRaw, error) {
	list := make([]TaggedRaw, 0, len(l.Models))
	for _, raw := range l.Models {
		var model struct {
			Name       string    `json:"name"`
			ModifiedAt timestamp `json:"modified_at"`
		}
		if err := json.Unmarshal(raw, &model); err != nil {
			return nil, failed(messageNonsense, err)
		}
		if name, ok := listedName(model.Name); ok {
			list = append(list, TaggedRaw{name, raw, model.ModifiedAt.Time})
		}
	}
	return list, nil
}

// union asks all servers at once. What one of them answers is enough.
func union[T any](
	ctx context.Context, servers []*server, ask func(*server, context.Context) ([]T, error), key func(T) (name string, modified time.Time),
) ([]T, error) {
	lists, errs := make([][]T, len(servers)), make([]error, len(servers))
	var asking sync.WaitGroup
	for i, s := range servers {
		asking.Go(func() { lists[i], errs[i] = ask(s, ctx) })
	}
	asking.Wait()
	switch {
	case !slices.Contains(errs, nil):
		return nil, errs[0]
	case len(lists) == 1:
		return lists[0], nil
	}
	all, seen := []T{}, map[string]bool{}
	for _, item := range slices.Concat(lists...) {
		if name, _ := key(item); !seen[name] {
			seen[name] = true
			all = append(all, item)
		}
	}
	slices.SortStableFunc(all, func(a, b T) int {
		_, oneTime := key(a)
		_, otherTime := key(b)
		return otherTime.Compare(oneTime)
	})
	return all, nil
}
