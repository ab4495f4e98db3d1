package engine

import (
	"fmt"
	"math/rand/v2"
	"reflect"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
)

// The language's own functions beside those of expr-lang; docs/expressions.md
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
)

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
		expr.Function(fnRandom, random, new(func(int, int) int)),
		expr.Function(fnCompare, func(...any) (any, error) {
			return nil, fmt.Errorf("compare wants two results of benchmark")
		}, new(func(any, any) any)),
		expr.Function(fnEqual, func(p ...any) (any, error) { return equal(p[0], p[1]) }, new(func(any, any) bool)),
		expr.Function(fnOrder, func(p ...any) (any, error) { return ordering(p[0].(string), p[1], p[2]) }, new(func(string, any, any) bool)),
		expr.Function(fnCompute, func(p ...any) (any, error) { return compute(p[0].(string), p[1], p[2]) }, new(func(string, any, any) any)),
		expr.Function(fnContains, func(p ...any) (any, error) { return contains(p[0], p[1]) }, new(func(any, any) bool)),
		expr.Patch(exact{}),
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
	low, high := p[0].(int), p[1].(int)
	if high < low {
		return nil, fmt.Errorf("random(%d, %d): the second bound is below the first", low, high)
	}
	return low + rand.IntN(high-low+1), nil //nolint:gosec // draws test data, keeps no secret
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

// exact rewrites comparisons and arithmetic so that they follow PostgreSQL's
// values: numeric stays exact, whole numbers do not wrap around, and a
// comparison of things that cannot be compared is an error instead of false.
// expr-lang's own operators do none of the three on values of unknown type.
//
// Note: operator overloading (expr.Operator) acts only where both types are
// known at load, which results of queries are not.
type exact struct{}

func (exact) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.BinaryNode:
		visitBinary(node, n)
	case *ast.CallNode:
		// compare(a, b) becomes a.CompareWith(b), whose type the checker knows.
		if callee, ok := n.Callee.(*ast.IdentifierNode); ok && callee.Value == fnCompare && len(n.Arguments) == 2 {
			ast.Patch(node, &ast.CallNode{
				Callee:    &ast.MemberNode{Node: n.Arguments[0], Property: &ast.StringNode{Value: "CompareWith"}},
				Arguments: n.Arguments[1:],
			})
		}
	}
}

func visitBinary(node *ast.Node, n *ast.BinaryNode) {
	call := func(name string, args ...ast.Node) ast.Node {
		return &ast.CallNode{Callee: &ast.IdentifierNode{Value: name}, Arguments: args}
	}
	if constant(n.Left) && constant(n.Right) {
		return
	}
	switch n.Operator {
	case "==":
		ast.Patch(node, call(fnEqual, n.Left, n.Right))
	case "!=":
		ast.Patch(node, &ast.UnaryNode{Operator: "not", Node: call(fnEqual, n.Left, n.Right)})
	case "<", "<=", ">", ">=":
		ast.Patch(node, call(fnOrder, &ast.StringNode{Value: n.Operator}, n.Left, n.Right))
	case "+", "-", "*", "/", "%":
		ast.Patch(node, call(fnCompute, &ast.StringNode{Value: n.Operator}, n.Left, n.Right))
	case "in":
		ast.Patch(node, call(fnContains, n.Left, n.Right))
	}
}

func constant(n ast.Node) bool {
	switch n.(type) {
	case *ast.IntegerNode, *ast.FloatNode, *ast.StringNode, *ast.BoolNode, *ast.ConstantNode:
		return true
	}
	return false
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
