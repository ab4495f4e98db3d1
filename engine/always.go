package engine

import (
	"reflect"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"

	"runbook/engine/syntax"
)

// Always says that a condition holds whatever its names stand for: `true`,
// `a == a`, `x or true`, `len(rows) >= 0`.
func (e Expr[T]) Always() bool {
	if e.program == nil || reflect.TypeFor[T]().Kind() != reflect.Bool || slices.Contains(e.program.later, "random()") {
		return false
	}
	if len(e.program.uses) == 0 && len(e.program.later) == 0 {
		v, err := e.program.run(nil)
		return err == nil && v == true
	}
	return e.program.certain == holds
}

// Problem is one at the whole expression.
func (e Expr[T]) Problem(code, message, hint string) syntax.Problem {
	return e.program.node.ProblemAt(e.program.offset, len(e.program.text), code, message, hint)
}

// certainty is what can be said of a condition without knowing its values.
type certainty int

const (
	open   certainty = 0
	holds  certainty = 1
	breaks certainty = -1
)

func certain(node ast.Node) certainty {
	switch n := node.(type) {
	case *ast.BoolNode:
		if n.Value {
			return holds
		}
		return breaks
	case *ast.UnaryNode:
		if n.Operator == "not" || n.Operator == "!" {
			return -certain(n.Node)
		}
	case *ast.BinaryNode:
		return certainOf(n)
	}
	return open
}

func certainOf(n *ast.BinaryNode) certainty {
	switch n.Operator {
	case "or", "||":
		if opposites(n.Left, n.Right) {
			return holds
		}
		return max(certain(n.Left), certain(n.Right))
	case "and", "&&":
		return min(certain(n.Left), certain(n.Right))
	case "==", "<=":
		if same(n.Left, n.Right) {
			return holds
		}
	case ">=":
		if same(n.Left, n.Right) || isZeroNode(n.Right) && isLength(n.Left) {
			return holds
		}
	case "!=", "<", ">":
		if same(n.Left, n.Right) {
			return breaks
		}
	}
	return open
}

// same says that two parts of an expression say the same.
func same(a, b ast.Node) bool {
	return reflect.TypeOf(a) == reflect.TypeOf(b) && a.String() == b.String()
}

// opposites says that one of two conditions holds: a == b and a != b, x and not x.
func opposites(a, b ast.Node) bool {
	x, isBinary := a.(*ast.BinaryNode)
	y, both := b.(*ast.BinaryNode)
	if isBinary && both && same(x.Left, y.Left) && same(x.Right, y.Right) {
		return x.Operator == "==" && y.Operator == "!=" || x.Operator == "!=" && y.Operator == "=="
	}
	return negates(a, b) || negates(b, a)
}

func negates(a, b ast.Node) bool {
	u, ok := a.(*ast.UnaryNode)
	return ok && (u.Operator == "not" || u.Operator == "!") && same(u.Node, b)
}

func isZeroNode(n ast.Node) bool {
	i, ok := n.(*ast.IntegerNode)
	return ok && i.Value == 0
}

func isLength(n ast.Node) bool {
	call, ok := n.(*ast.BuiltinNode)
	return ok && strings.Contains(" len count ", " "+call.Name+" ")
}
