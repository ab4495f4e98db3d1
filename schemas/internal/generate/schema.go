package main

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"runbook/engine"
)

// language is the schema of the language without its actions.
//
//go:embed language.json
var language []byte

// schemaOf puts the actions into the language.
func schemaOf(actions []*action) ([]byte, error) {
	value, err := readJSON(json.NewDecoder(bytes.NewReader(language)))
	if err != nil {
		return nil, fmt.Errorf("read language.json: %w", err)
	}
	schema := value.(*object)
	s := &stepSchema{definitions: schema.at("definitions"), step: schema.at("definitions", "step"), actions: actions}
	for _, a := range actions {
		if err := s.add(a); err != nil {
			return nil, fmt.Errorf("describe %s: %w", a.Name, err)
		}
	}
	s.addArguments()
	text, err := json.Marshal(schema)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := json.Indent(&out, text, "", "  "); err != nil {
		return nil, err
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

// structSchema is the mapping form of a struct, and the bare value where one
// stands for its main field and is enough.
func (a *action) structSchema(s *engine.Struct) *object {
	properties := obj()
	var required []string
	var short *object
	enough := true
	for _, f := range s.Fields {
		properties.set(f.Name, a.fieldSchema(s, f))
		if f.Required {
			required = append(required, f.Name)
			enough = enough && f.Main
		}
		if f.Main {
			short = a.typeSchema(f.Type, f.Enum)
		}
	}
	long := obj("type", "object", "additionalProperties", false, "properties", properties)
	if len(required) > 0 {
		long.set("required", required)
	}
	// Beside the short form of the action itself, required arguments may stand
	// in the step.
	if short == nil || !enough && s != a.Args {
		return long
	}
	return obj("anyOf", []any{long, short})
}

func (a *action) fieldSchema(s *engine.Struct, f engine.Field) *object {
	out := obj("description", a.comment(s).fields[f.GoName])
	if f.Default != "" {
		out.set("default", defaultValue(f))
	}
	of := a.typeSchema(f.Type, f.Enum)
	for _, key := range of.keys {
		out.set(key, of.values[key])
	}
	return out
}

// defaultValue has the type that an editor is to write.
func defaultValue(f engine.Field) any {
	switch f.Type.Kind {
	case engine.KindWhole, engine.KindNumber, engine.KindBool:
		return json.RawMessage(f.Default)
	default:
		return f.Default
	}
}

// typeSchema is the schema of a type; kinds without parts are definitions of
// language.json by their names.
func (a *action) typeSchema(t engine.Type, enum []string) *object {
	switch {
	case t.Kind == engine.KindList:
		item := a.typeSchema(*t.Elem, enum)
		return obj("anyOf", []any{obj("type", "array", "items", item), item})
	case t.Kind == engine.KindMap:
		return obj("type", "object", "additionalProperties", a.typeSchema(*t.Elem, enum))
	case t.Kind == engine.KindStruct:
		return a.structSchema(t.Struct)
	case enum != nil:
		return obj("anyOf", []any{obj("enum", enum), obj("type", "string", "pattern", `\$\{`)})
	default:
		return ref(t.Kind)
	}
}

func definition(k engine.Kind) string { return strings.ReplaceAll(string(k), " ", "_") }

func ref(k engine.Kind) *object { return obj("$ref", "#/definitions/"+definition(k)) }

// missingKind finds a kind that language.json does not define.
func (s *stepSchema) missingKind(in *engine.Struct) error {
	for _, f := range in.Fields {
		t := f.Type
		for t.Elem != nil {
			t = *t.Elem
		}
		if t.Struct != nil {
			if err := s.missingKind(t.Struct); err != nil {
				return err
			}
		} else if !slices.Contains(s.definitions.keys, definition(t.Kind)) {
			return fmt.Errorf("language.json defines no %q", definition(t.Kind))
		}
	}
	return nil
}
