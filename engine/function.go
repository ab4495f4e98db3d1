package engine

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/vm/runtime"
)

// The language's own functions beside those of expr-lang; docs/language.md
// describes them.
//
//	compare(after, before)  how the queries of two benchmarks differ
//	random(low, high)       a whole number, both bounds included
//	ident(name)             in SQL text only: a quoted identifier
//	raw(text)               in SQL text only: the text as it is
const (
	fnCompare  = "compare"
	fnRandom   = "random"
	fnIdent    = "ident"
	fnRaw      = "raw"
	fnEqual    = "__equal"
	fnOrder    = "__order"
	fnCompute  = "__compute"
	fnContains = "__contains"
	fnField    = "__field"
)

// compareMethod is what a result has that compare() can take.
const compareMethod = "CompareWith"

func isFunction(name string) bool {
	switch name {
	case fnCompare, fnRandom, fnIdent, fnRaw:
		return true
	}
	return false
}

// inSQL marks a value that goes into SQL text otherwise than as a literal.
type inSQL struct {
	text  string
	ident bool
}

// functions are the options that make the functions known to one expression;
// ident and raw exist only where sql is set.
func functions(sql bool) []expr.Option {
	options := []expr.Option{
		expr.Function(fnRandom, random, new(func(int64, int64) int64)),
		expr.Function(fnCompare, func(...any) (any, error) {
			return nil, fmt.Errorf("compare wants two results of benchmark")
		}, new(func(any, any) any)),
		expr.Function(fnEqual, func(p ...any) (any, error) { return equal(p[0], p[1]) }, new(func(any, any) bool)),
		expr.Function(fnOrder, func(p ...any) (any, error) { return ordering(p[0].(string), p[1], p[2]) }, new(func(string, any, any) bool)),
		expr.Function(fnCompute, func(p ...any) (any, error) { return compute(p[0].(string), p[1], p[2]) }, new(func(string, any, any) any)),
		expr.Function(fnContains, func(p ...any) (any, error) { return contains(p[0], p[1]) }, new(func(any, any) bool)),
		expr.Function(fnField, func(p ...any) (any, error) { return fieldOf(p[0], p[1].(string)) }, new(func(any, string) any)),
		expr.Patch(comparison{}),
	}
	if sql {
		options = append(
			options,
			expr.Function(fnIdent, func(p ...any) (any, error) { return textInSQL(p[0], true) }, new(func(any) inSQL)),
			expr.Function(fnRaw, func(p ...any) (any, error) { return textInSQL(p[0], false) }, new(func(any) inSQL)),
		)
	}
	return options
}

func random(p ...any) (any, error) {
	low, _, _, lowKind := number(p[0])
	high, _, _, highKind := number(p[1])
	switch {
	case lowKind != 'i' || highKind != 'i':
		return nil, fmt.Errorf("random wants two whole numbers, these are %s and %s", typeName(p[0]), typeName(p[1]))
	case high < low:
		return nil, fmt.Errorf("random(%d, %d): the second bound is below the first", low, high)
	case high-low < 0 || high-low == math.MaxInt64:
		return nil, fmt.Errorf("random(%d, %d): the bounds are too far apart", low, high)
	}
	return low + rand.Int64N(high-low+1), nil //nolint:gosec // draws test data, keeps no secret
}

func textInSQL(v any, ident bool) (any, error) {
	s, ok := v.(string)
	if !ok {
		return nil, fmt.Errorf("ident and raw want text, this is %s", typeName(v))
	}
	return inSQL{s, ident}, nil
}

func ordering(op string, a, b any) (bool, error) {
	c, err := order(a, b)
	if err != nil {
		return false, err
	}
	switch op {
	case "<":
		return c < 0, nil
	case "<=":
		return c <= 0, nil
	case ">":
		return c > 0, nil
	default:
		return c >= 0, nil
	}
}

// fieldOf is a.name. A name that is not there is an error: it would pass for NULL.
func fieldOf(a any, name string) (v any, err error) {
	switch x := a.(type) {
	case nil:
		return nil, fmt.Errorf("nothing (NULL) has no %q", name)
	case Row:
		if v, ok := x[name]; ok {
			return v, nil
		}
		return nil, fmt.Errorf("the row has no column %q; it has: %s", name, strings.Join(slices.Sorted(maps.Keys(x)), ", "))
	case map[string]any:
		if v, ok := x[name]; ok {
			return v, nil
		}
		return nil, fmt.Errorf("there is no %q here; there are: %s; ?. makes it nil", name, strings.Join(slices.Sorted(maps.Keys(x)), ", "))
	}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%s (%s) has no %q", typeName(a), shown(a), name)
		}
	}()
	return runtime.Fetch(a, name), nil
}

// comparison makes compare(a, b) a.CompareWith(b), whose type the checker knows.
type comparison struct{}

func (comparison) Visit(node *ast.Node) {
	n, ok := (*node).(*ast.CallNode)
	if !ok || len(n.Arguments) != 2 {
		return
	}
	if callee, ok := n.Callee.(*ast.IdentifierNode); ok && callee.Value == fnCompare {
		ast.Patch(node, &ast.CallNode{
			Callee:    &ast.MemberNode{Node: n.Arguments[0], Property: &ast.StringNode{Value: compareMethod}},
			Arguments: n.Arguments[1:],
		})
	}
}

// contains is `a in b`, with the equality of equal.
func contains(a, b any) (bool, error) {
	switch x := b.(type) {
	case nil:
		return false, nil
	case Row:
		name, ok := a.(string)
		_, in := x[name]
		return ok && in, nil
	case map[string]any:
		name, ok := a.(string)
		_, in := x[name]
		return ok && in, nil
	}
	list := reflect.ValueOf(b)
	if !isList(list) {
		return false, fmt.Errorf("in wants a list, this is %s (%s)", typeName(b), shown(b))
	}
	for i := range list.Len() {
		if same, err := equal(a, list.Index(i).Interface()); err != nil || same {
			return same, err
		}
	}
	return false, nil
}
