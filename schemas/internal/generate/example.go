package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"runbook/engine/syntax"
)

// An example in a doc comment is a runbook without its first line: its steps,
// and the variables and queries that they need.
func exampleRunbook(text string) string { return "runbook: v1\n" + text }

// exampleValues are what the action is given in its examples.
func exampleValues(a *action) ([]any, error) {
	var out []any
	for _, text := range a.comment(a.Args).examples {
		n, problems := syntax.ParseValue(exampleRunbook(text))
		if problems != nil {
			return nil, fmt.Errorf("read an example: %w", problems)
		}
		out = append(out, valuesOf(a.Name, n.Get("steps"))...)
	}
	return out, nil
}

func valuesOf(name string, steps *syntax.Node) []any {
	if steps == nil {
		return nil
	}
	var out []any
	for _, step := range steps.Items {
		if v := step.Get(name); v != nil {
			out = append(out, jsonOf(v))
		}
		out = append(out, valuesOf(name, step.Get("steps"))...)
	}
	return out
}

// jsonOf is a YAML value in JSON.
func jsonOf(n *syntax.Node) any {
	switch n.Kind {
	case syntax.List:
		list := make([]any, len(n.Items))
		for i, item := range n.Items {
			list[i] = jsonOf(item)
		}
		return list
	case syntax.Map:
		o := obj()
		for _, f := range n.Fields {
			o.set(f.Key.Text, jsonOf(f.Value))
		}
		return o
	}
	digits := strings.ReplaceAll(n.Text, "_", "")
	switch n.Type {
	case syntax.Null:
		return nil
	case syntax.Bool:
		return strings.EqualFold(n.Text, "true")
	case syntax.Int, syntax.Float:
		if _, err := strconv.ParseFloat(digits, 64); err == nil && json.Valid([]byte(digits)) {
			return json.Number(digits)
		}
	}
	return n.Text
}
