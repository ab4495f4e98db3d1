package main

import (
	"slices"
	"strings"

	"runbook/engine"
)

// stepSchema adds the actions to the definition of a step. A step has its keys,
// and exactly one action or a group. Beside the short form of an action, its
// other arguments may stand as keys of the step.
type stepSchema struct {
	definitions *object
	step        *object
	actions     []*action
}

func (s *stepSchema) add(a *action) error {
	if err := s.missingKind(a.Args); err != nil {
		return err
	}
	values, err := exampleValues(a)
	if err != nil {
		return err
	}
	out := obj("description", strings.Join(a.comment(a.Args).paragraphs, "\n\n"))
	if len(values) > 0 {
		out.set("examples", values)
	}
	body := a.structSchema(a.Args)
	for _, key := range body.keys {
		out.set(key, body.values[key])
	}
	s.step.at("properties").set(a.Name, out)
	s.step.set("oneOf", append(s.step.values["oneOf"].([]any), required(a.Name)))
	return nil
}

func required(names ...string) *object { return obj("required", names) }

// addArguments lets the arguments of actions with a short form stand beside it.
func (s *stepSchema) addArguments() {
	keys := slices.Clone(s.step.at("properties").keys) // of the step, and names of actions
	owners := map[string][]*action{}
	var names []string
	for _, a := range s.actions {
		if !slices.ContainsFunc(a.Args.Fields, func(f engine.Field) bool { return f.Main }) {
			continue
		}
		var needed []string
		for _, f := range a.Args.Fields {
			if f.Main || slices.Contains(keys, f.Name) {
				continue
			}
			if f.Required {
				needed = append(needed, f.Name)
			}
			if owners[f.Name] == nil {
				names = append(names, f.Name)
			}
			owners[f.Name] = append(owners[f.Name], a)
		}
		if len(needed) > 0 {
			s.depend(a.Name, obj("anyOf", []any{obj("properties", obj(a.Name, obj("type", "object"))), required(needed...)}))
		}
	}
	for _, name := range names {
		s.addArgument(name, owners[name])
	}
}

// addArgument makes one name a key of a step that has the short form of one of
// the actions.
func (s *stepSchema) addArgument(name string, owners []*action) {
	var schemas, conditions []any
	for _, a := range owners {
		i := slices.IndexFunc(a.Args.Fields, func(f engine.Field) bool { return f.Name == name })
		schema := a.fieldSchema(a.Args, a.Args.Fields[i])
		schemas = append(schemas, schema)
		condition := obj(a.Name, obj("not", obj("type", "object")))
		if len(owners) > 1 {
			condition.set(name, schema)
		}
		conditions = append(conditions, obj("required", []string{a.Name}, "properties", condition))
	}
	if len(owners) == 1 {
		s.step.at("properties").set(name, schemas[0])
		s.depend(name, conditions[0])
		return
	}
	s.step.at("properties").set(name, obj("anyOf", schemas))
	s.depend(name, obj("anyOf", conditions))
}

func (s *stepSchema) depend(name string, schema any) { s.step.at("dependencies").set(name, schema) }
