package engine

import (
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/types"

	"runbook/engine/syntax"
)

// names is what can be named at a place of the runbook, while it is compiled:
// one flat set of variables and registered values, the steps so far, and the
// loop variables around.
type names struct {
	known map[string]known
	steps map[string]reflect.Type // results by id
}

// known is one name.
type known struct {
	typ  types.Type
	what string // "a variable", "registered", "a loop variable"
	pos  syntax.Pos
}

// reserved names belong to the language wherever they are not in use.
var reserved = []string{"steps", "env", "run", "rows", "row", "value", "probes", "load", "failure"}

func newNames() *names {
	n := &names{known: map[string]known{}, steps: map[string]reflect.Type{}}
	n.known["run"] = known{typ: types.TypeOf(RunInfo{}), what: "the run"}
	return n
}

// add makes a name known, or says why it cannot be.
func (n *names) add(node *syntax.Node, typ types.Type, what string) syntax.Problems {
	name := node.Text
	before, taken := n.known[name]
	if !taken { // a refused name is known all the same, so that its uses are no problems of their own
		n.known[name] = known{typ: typ, what: what, pos: node.Pos}
	}
	switch {
	case slices.Contains(reserved, name):
		return syntax.Problems{node.Problem("name/reserved", fmt.Sprintf("%q is a name of the language", name), "choose another name")}
	case slices.Contains(builtin.Names, name) || isFunction(name):
		return syntax.Problems{node.Problem("name/builtin", fmt.Sprintf("%q would hide the function of that name", name), "choose another name")}
	case taken && before.what != what:
		return syntax.Problems{node.Problem("name/clash", fmt.Sprintf("%q is already %s (line %d)", name, before.what, before.pos.Line), "choose another name")}
	}
	n.known[name] = known{typ: typ, what: what, pos: node.Pos}
	return nil
}

func (n *names) remove(name string) { delete(n.known, name) }

// typeOf finds a name for an expression that also sees extra.
func (n *names) typeOf(name string, extra Names) (types.Type, bool) {
	if v, ok := extra[name]; ok {
		return staticType(v), true
	}
	k, ok := n.known[name]
	return k.typ, ok
}

// all lists what an expression could have meant.
func (n *names) all(extra Names) []string {
	out := slices.Collect(maps.Keys(n.known))
	out = slices.AppendSeq(out, maps.Keys(extra))
	out = append(out, "steps", "env")
	slices.Sort(out)
	return out
}

// staticType tells an expression the type of an example value.
func staticType(v any) types.Type {
	switch x := v.(type) {
	case nil:
		return types.Any
	case Names:
		m := types.Map{}
		for k, e := range x {
			m[k] = staticType(e)
		}
		return m
	default:
		return types.TypeOf(v)
	}
}

// resultType is the static type of a step's result.
func resultType(t reflect.Type) types.Type {
	return types.TypeOf(reflect.Zero(t).Interface())
}
