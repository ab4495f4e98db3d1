package engine

import (
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/shopspring/decimal"

	"runbook/engine/syntax"
)

// valueSource is a value that stands in YAML: a constant, or one with ${…}
// somewhere inside.
type valueSource struct {
	node *syntax.Node
	eval func(s *scope) (any, error)
}

// value compiles a YAML value of any shape. A text that is one ${…} keeps the
// type of what it inserts.
func (c *compiler) value(n *syntax.Node) valueSource {
	switch n.Kind {
	case syntax.List:
		items := make([]valueSource, len(n.Items))
		for i, item := range n.Items {
			items[i] = c.value(item)
		}
		return valueSource{n, func(s *scope) (any, error) {
			out := make([]any, len(items))
			for i, item := range items {
				v, err := item.eval(s)
				if err != nil {
					return nil, err
				}
				out[i] = v
			}
			return out, nil
		}}
	case syntax.Map:
		entries := make([]valueSource, len(n.Fields))
		for i, f := range n.Fields {
			entries[i] = c.value(f.Value)
		}
		return valueSource{n, func(s *scope) (any, error) {
			out := make(map[string]any, len(entries))
			for i, e := range entries {
				v, err := e.eval(s)
				if err != nil {
					return nil, err
				}
				out[n.Fields[i].Key.Text] = v
			}
			return out, nil
		}}
	}
	if n.Type == syntax.String && strings.Contains(n.Text, "${") {
		return c.insertedValue(n)
	}
	v, err := scalarValue(n)
	if err != nil {
		c.add(n.Problem("schema/type", err.Error(), ""))
	}
	return valueSource{n, func(*scope) (any, error) { return v, nil }}
}

func (c *compiler) insertedValue(n *syntax.Node) valueSource {
	t := c.template(n, exprSpec{})
	return valueSource{n, func(s *scope) (any, error) {
		if alone := t.alone(); alone != nil {
			return s.eval(alone)
		}
		return t.render(s)
	}}
}

// scalarValue reads a plain scalar by YAML's type. Fractions are exact.
func scalarValue(n *syntax.Node) (any, error) {
	text := strings.ReplaceAll(n.Text, "_", "")
	switch n.Type {
	case syntax.Null:
		return nil, nil
	case syntax.Bool:
		return strings.EqualFold(n.Text, "true"), nil
	case syntax.Int:
		i, err := strconv.ParseInt(text, 10, 64)
		if err != nil || len(text) > 1 && text[0] == '0' {
			return nil, fmt.Errorf("%s is not a whole number of 64 bits in decimal digits; put it in quotes if it is text", n.Text)
		}
		return i, nil
	case syntax.Float:
		d, err := decimal.NewFromString(text)
		if err != nil {
			return nil, fmt.Errorf("%s is not a decimal number", n.Text)
		}
		return d, nil
	default:
		return n.Text, nil
	}
}

var typeDecimal = reflect.TypeFor[decimal.Decimal]()

// nodeType is the type that a variable has by its default; nil when the default
// does not tell.
func nodeType(n *syntax.Node) reflect.Type {
	switch {
	case n.Kind == syntax.List:
		return reflect.TypeFor[[]any]()
	case n.Kind == syntax.Map:
		return reflect.TypeFor[map[string]any]()
	case n.Type == syntax.Int:
		return reflect.TypeFor[int64]()
	case n.Type == syntax.Float:
		return typeDecimal
	case n.Type == syntax.Bool:
		return reflect.TypeFor[bool]()
	case n.Type == syntax.String && !strings.Contains(n.Text, "${"):
		return reflect.TypeFor[string]()
	}
	return nil
}

// Override replaces variables, by name, with values written in YAML. It returns
// the names that the plan does not have, for whoever knows another plan.
func (p *Plan) Override(given map[string]string) (unknown []string, err error) {
	p.overrides = map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		i := slices.IndexFunc(p.vars, func(v variable) bool { return v.node.Text == name })
		if i < 0 {
			unknown = append(unknown, name)
			continue
		}
		v, err := p.vars[i].parse(given[name])
		if err != nil {
			return nil, fmt.Errorf("variable %s: %w", name, err)
		}
		p.overrides[name] = v
	}
	return unknown, nil
}

// Vars are the names of the plan's variables.
func (p *Plan) Vars() []string { return p.varNames() }

// parse reads a value for the variable. A variable whose default is text takes
// the text as it is.
func (v variable) parse(text string) (any, error) {
	if v.typ == reflect.TypeFor[string]() {
		return text, nil
	}
	n, problems := syntax.ParseValue(text)
	if problems != nil {
		return nil, fmt.Errorf("%q is not valid YAML: %s", text, strings.TrimPrefix(problems[0].Message, "not valid YAML near this line: "))
	}
	got := nodeType(n)
	if v.typ == typeDecimal && n.Type == syntax.Int {
		got = typeDecimal
	}
	if v.typ != nil && got != v.typ {
		return nil, fmt.Errorf("%q is %s, its default is %s", text, n.What(), v.value.node.What())
	}
	return constantOf(n)
}

// constantOf reads a value without insertions.
func constantOf(n *syntax.Node) (any, error) {
	switch n.Kind {
	case syntax.List:
		out := make([]any, len(n.Items))
		for i, item := range n.Items {
			v, err := constantOf(item)
			if err != nil {
				return nil, err
			}
			out[i] = v
		}
		return out, nil
	case syntax.Map:
		out := make(map[string]any, len(n.Fields))
		for _, f := range n.Fields {
			v, err := constantOf(f.Value)
			if err != nil {
				return nil, err
			}
			out[f.Key.Text] = v
		}
		return out, nil
	}
	return scalarValue(n)
}

// secretValues are what is to be masked: each name of `secrets` is a variable or
// an environment variable. A list or a mapping is masked by its values.
func (x *executor) secretValues() []string {
	var out []string
	for _, name := range x.plan.Secrets {
		out = append(out, os.Getenv(name))
		if slices.Contains(x.plan.varNames(), name) {
			out = appendTexts(out, x.scope.values([]string{name})[name])
		}
	}
	if x.conns.target != nil { // a plan can do without
		out = append(out, x.conns.target.Password())
	}
	for _, t := range x.conns.where {
		out = append(out, t.Password())
	}
	return out
}

func appendTexts(out []string, v any) []string {
	switch v := v.(type) {
	case nil:
		return out
	case []any:
		for _, e := range v {
			out = appendTexts(out, e)
		}
		return out
	case map[string]any:
		for _, e := range v {
			out = appendTexts(out, e)
		}
		return out
	default:
		return append(out, asText(v))
	}
}
