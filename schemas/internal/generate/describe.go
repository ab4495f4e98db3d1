package main

import (
	"fmt"

	"runbook/engine"
)

// action is an action's description with the texts to it.
type action struct {
	engine.Description
	comments map[*engine.Struct]typeComment
}

func (a *action) comment(s *engine.Struct) typeComment { return a.comments[s] }

// describe joins what the engine knows with the doc comments.
func describe(root string, all []engine.Action) ([]*action, error) {
	source := &comments{root: root, packages: map[string]map[string]typeComment{}}
	out := make([]*action, len(all))
	for i, a := range all {
		out[i] = &action{Description: a.Describe(), comments: map[*engine.Struct]typeComment{}}
		for _, s := range append(out[i].arguments(), out[i].results()...) {
			c, err := source.of(s)
			if err != nil {
				return nil, fmt.Errorf("describe %s: %w", a.Name, err)
			}
			out[i].comments[s] = c
		}
	}
	return out, nil
}

// arguments are the structs that the action's arguments are made of, the
// outermost first.
func (a *action) arguments() []*engine.Struct { return structs(nil, a.Args) }

// results are the structs of its result.
func (a *action) results() []*engine.Struct {
	list := structs(nil, a.Result)
	if a.Compare != nil {
		list = structsOf(list, *a.Compare)
	}
	return list
}

func structs(list []*engine.Struct, s *engine.Struct) []*engine.Struct {
	list = append(list, s)
	for _, f := range s.Fields {
		list = structsOf(list, f.Type)
	}
	return list
}

func structsOf(list []*engine.Struct, t engine.Type) []*engine.Struct {
	switch {
	case t.Elem != nil:
		return structsOf(list, *t.Elem)
	case t.Struct != nil:
		return structs(list, t.Struct)
	default:
		return list
	}
}
