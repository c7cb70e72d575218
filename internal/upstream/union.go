package upstream

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/paddock-gate/paddock/internal/ollama"
)

// Tags lists the models that the upstreams hold, in the terms of api/tags:
// newest first, and a model that several hold once. It fails when no upstream
// answers. Remote models are left out unless Config.AllowCloud is set.
func (c *Pool) Tags(ctx context.Context) ([]ollama.TaggedRaw, error) {
	return union(ctx, c, (*server).tags, keyOf)
}

// Running lists the models that the upstreams have loaded, in the terms of
// api/ps, as Tags does.
func (c *Pool) Running(ctx context.Context) ([]ollama.TaggedRaw, error) {
	return union(ctx, c, (*server).loaded, keyOf)
}

func keyOf(t ollama.TaggedRaw) listKey { return listKey{t.Name, t.ModifiedAt, t.Remote} }

func (s *server) tags(ctx context.Context) ([]ollama.TaggedRaw, error) {
	return s.list(ctx, "api/tags")
}
func (s *server) loaded(ctx context.Context) ([]ollama.TaggedRaw, error) {
	return s.list(ctx, "api/ps")
}

// list fails when the server does, or answers no list.
func (s *server) list(ctx context.Context, path string) ([]ollama.TaggedRaw, error) {
	var answer ollama.ModelList
	if err := s.metadata(ctx, path, nil, &answer); err != nil {
		return nil, err
	}
	return answer.Tagged(), nil
}

// listKey is what a union of lists goes by.
type listKey struct {
	name     string // canonical
	modified time.Time
	remote   bool
}

// union asks all servers at once. What one of them answers is enough.
func union[T any](ctx context.Context, c *Pool, ask func(*server, context.Context) ([]T, error), key func(T) listKey) ([]T, error) {
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
