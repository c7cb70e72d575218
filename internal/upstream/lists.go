package upstream

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/paddock-gate/paddock/internal/ollama"
)

// Tags lists the models that the servers hold, in the terms of api/tags: newest
// first, and a model that several hold once. It fails when no server answers. Remote
// models are left out unless Config.AllowCloud is set.
func (p *Pool) Tags(ctx context.Context) ([]ollama.TaggedRaw, error) {
	return union(ctx, p, (*server).tags, keyOf)
}

// Running lists the models that the servers have loaded, in the terms of api/ps, as
// Tags does.
func (p *Pool) Running(ctx context.Context) ([]ollama.TaggedRaw, error) {
	return union(ctx, p, func(s *server, ctx context.Context) ([]ollama.TaggedRaw, error) { return s.list(ctx, "api/ps") }, keyOf)
}

// Models lists what the servers hold, as Tags does, with what it can do as far as that
// is known.
func (p *Pool) Models(ctx context.Context) ([]ollama.Model, error) {
	return union(ctx, p, (*server).models, func(m ollama.Model) listKey {
		name, _ := ollama.Canonical(m.Name)
		return listKey{name, m.ModifiedAt, m.Remote}
	})
}

func (s *server) tags(ctx context.Context) ([]ollama.TaggedRaw, error) {
	return s.list(ctx, "api/tags")
}

// list fails when the server does, or answers no list.
func (s *server) list(ctx context.Context, path string) ([]ollama.TaggedRaw, error) {
	var answer ollama.ModelList
	if err := s.metadata(ctx, path, nil, &answer); err != nil {
		return nil, err
	}
	if answer.Models == nil {
		return nil, ollama.ErrNonsense
	}
	return answer.Tagged(), nil
}

func (s *server) models(ctx context.Context) ([]ollama.Model, error) {
	list, err := s.tags(ctx)
	if err != nil {
		return nil, err
	}
	var models []ollama.Model
	for _, entry := range list {
		if m, ok := entry.Model(); ok {
			models = append(models, m)
		}
	}
	known := s.findCapabilities(ctx, models)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for i, m := range models {
		if m.Capabilities == nil {
			models[i].Capabilities = slices.Clone(known[m.Digest])
		}
	}
	return models, nil
}

// listKey is what a union of lists goes by.
type listKey struct {
	name     string // canonical
	modified time.Time
	remote   bool
}

func keyOf(t ollama.TaggedRaw) listKey { return listKey{t.Name, t.ModifiedAt, t.Remote} }

// union lists what any of the servers does. It asks all of them at once; what one of
// them answers is enough.
func union[T any](ctx context.Context, p *Pool, ask func(*server, context.Context) ([]T, error), key func(T) listKey) ([]T, error) {
	lists, errs := make([][]T, len(p.servers)), make([]error, len(p.servers))
	var asking sync.WaitGroup
	for i, s := range p.servers {
		asking.Go(func() { lists[i], errs[i] = ask(s, ctx) })
	}
	asking.Wait()
	if !slices.Contains(errs, nil) {
		return nil, errs[0]
	}
	listed, omit := slices.Concat(lists...), map[string]bool{}
	for _, item := range listed {
		if k := key(item); k.remote && !p.allowCloud {
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
