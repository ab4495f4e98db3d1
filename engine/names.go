package engine

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/checker/nature"
	"github.com/expr-lang/expr/types"

	"runbook/engine/syntax"
)

// names is what can be named at a place of the runbook, while it is compiled:
// one flat set of variables and registered values, the steps so far, and the
// loop variables around.
type names struct {
	known   map[string]known
	steps   map[string]reflect.Type // results by id
	results map[reflect.Type]types.Type
}

// known is one name.
type known struct {
	typ  types.Type
	what string // "a variable", "registered", "a loop variable"
	pos  syntax.Pos
}

// reserved names belong to the language wherever they are not in use.
var reserved = []string{"steps", "env", "run", "rows", "row", "value", "probes", "load", "failure"}

// keywords are what an expression reads as anything but a name.
var keywords = []string{
	"true", "false", "nil", "and", "or", "not", "in", "let", "if", "else",
	"contains", "matches", "startsWith", "endsWith",
}

func newNames() *names {
	n := &names{known: map[string]known{}, steps: map[string]reflect.Type{}, results: map[reflect.Type]types.Type{}}
	n.known["run"] = known{typ: n.result(reflect.TypeFor[RunInfo]()), what: "the run"}
	return n
}

// result is the type of a step's result, made once.
func (n *names) result(t reflect.Type) types.Type {
	if n.results[t] == nil {
		declared := goType(t)
		n.results[t] = settled{declared, declared.Nature()}
	}
	return n.results[t]
}

// settled is a type that does not make its nature anew for every expression, as
// mappings do from all their fields.
type settled struct {
	types.Type
	nature nature.Nature
}

func (s settled) Nature() nature.Nature { return s.nature }

// add makes a name known, or says why it cannot be.
func (n *names) add(node *syntax.Node, typ types.Type, what string) syntax.Problems {
	name := node.Text
	before, taken := n.known[name]
	if !taken { // a refused name is known all the same, so that its uses are no problems of their own
		n.known[name] = known{typ: typ, what: what, pos: node.Pos}
	}
	switch {
	case slices.Contains(keywords, name) || strings.HasPrefix(name, "__"):
		return syntax.Problems{node.Problem("name/reserved", fmt.Sprintf("%q is a word of expressions", name), "choose another name")}
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
	case types.Type:
		return x
	default:
		return goType(reflect.TypeOf(v))
	}
}

// goType tells an expression what a Go type has. A struct is declared by its
// fields, as a strict mapping: expr-lang v1.17.8 crashes on the fields of a
// struct that stands in a types.Map, and does not check them behind a pointer.
func goType(t reflect.Type) types.Type {
	switch t.Kind() {
	case reflect.Interface:
		return types.Any
	case reflect.Pointer:
		return goType(t.Elem())
	case reflect.Slice:
		if isRecord(t.Elem()) {
			return types.Array(goType(t.Elem()))
		}
	case reflect.Map:
		if isRecord(t.Elem()) {
			return types.Map{types.Extra: goType(t.Elem())}
		}
	case reflect.Struct:
		if isRecord(t) {
			return recordType(t)
		}
	}
	return types.TypeOf(reflect.Zero(t).Interface())
}

// isRecord says that a struct is made of fields and is not one value, as times
// and numbers are.
func isRecord(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t != reflect.TypeFor[time.Time]() && t != typeDecimal
}

func recordType(t reflect.Type) types.Type {
	m := types.Map{}
	for i := range t.NumField() {
		if f := t.Field(i); f.IsExported() {
			m[cmp.Or(f.Tag.Get("expr"), f.Name)] = goType(f.Type)
		}
	}
	if compare, ok := t.MethodByName(compareMethod); ok {
		// The parameter is any: the declared mapping of the other result is not its
		// Go type.
		fn := reflect.FuncOf([]reflect.Type{reflect.TypeFor[any]()}, []reflect.Type{compare.Type.Out(0)}, false)
		m[compareMethod] = types.TypeOf(reflect.Zero(fn).Interface())
	}
	return m
}
