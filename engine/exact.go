package engine

import (
	"fmt"
	"reflect"
	"time"

	"github.com/expr-lang/expr/ast"
	"github.com/shopspring/decimal"
)

// exact rewrites comparisons and arithmetic so that they follow PostgreSQL's
// values: numeric stays exact, whole numbers do not wrap around, and a
// comparison of things that cannot be compared is an error instead of false.
// expr-lang's own operators do none of the three on values of unknown type.
//
// Note: operator overloading (expr.Operator) acts only where both types are
// known at load, which results of queries are not.
type exact struct {
	found *[]mismatch
}

// mismatch is an operation that can be known to fail before it runs.
type mismatch struct {
	at, width int // in characters of the expression
	message   string
}

func (e exact) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.BinaryNode:
		if message := incompatible(n); message != "" {
			*e.found = append(*e.found, mismatch{n.Location().From, len(n.Operator), message})
		}
		visitBinary(node, n)
	case *ast.MemberNode:
		if _, named := n.Property.(*ast.StringNode); named && !n.Optional && !n.Method && ofData(n.Node) {
			ast.Patch(node, &ast.CallNode{Callee: &ast.IdentifierNode{Value: fnField}, Arguments: []ast.Node{n.Node, n.Property}})
		}
	}
}

// ofData says that a node is a row, a JSON document or the like, whose names are
// known only when it runs.
func ofData(n ast.Node) bool {
	if id, ok := n.(*ast.IdentifierNode); ok && id.Value == "env" {
		return false // a variable that is not set is nil
	}
	nature := n.Nature()
	if nature.TypeData != nil && nature.Fields != nil {
		return false
	}
	t := n.Type()
	return t == nil || t.Kind() == reflect.Interface || t.Kind() == reflect.Map
}

func visitBinary(node *ast.Node, n *ast.BinaryNode) {
	call := func(name string, args ...ast.Node) ast.Node {
		return &ast.CallNode{Callee: &ast.IdentifierNode{Value: name}, Arguments: args}
	}
	if constant(n.Left) && constant(n.Right) && !(isNumber(n.Left) && isNumber(n.Right)) {
		return // the checker has compared the types
	}
	n.Left, n.Right = exactLiteral(n.Left), exactLiteral(n.Right)
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

func isNumber(n ast.Node) bool {
	switch n.(type) {
	case *ast.IntegerNode, *ast.FloatNode:
		return true
	}
	return false
}

// exactLiteral reads a number with a fraction as it is written: 2.20 is no float
// that is near it.
func exactLiteral(n ast.Node) ast.Node {
	if f, ok := n.(*ast.FloatNode); ok {
		ast.Patch(&n, &ast.ConstantNode{Value: decimal.NewFromFloat(f.Value)})
	}
	return n
}

// incompatible says why two operands whose types are known do not go together,
// or "".
func incompatible(n *ast.BinaryNode) string {
	if by, whole := n.Right.(*ast.IntegerNode); whole && by.Value == 0 && (n.Operator == "/" || n.Operator == "%") {
		return "cannot divide by 0"
	}
	a, b := nodeTypeOf(n.Left), nodeTypeOf(n.Right)
	left, right := family(a), family(b)
	if left == 0 || right == 0 || left == right {
		return ""
	}
	switch n.Operator {
	case "==", "!=", "<", "<=", ">", ">=":
		return fmt.Sprintf("cannot compare %s with %s", kindName(a), kindName(b))
	case "+", "-", "*", "/", "%":
		if left != 't' && right != 't' { // times and durations go together in several ways
			return fmt.Sprintf("cannot compute %s %s %s", kindName(a), n.Operator, kindName(b))
		}
	}
	return ""
}

// family groups the types whose values compare with each other; 0 is a type
// that says nothing before it runs.
func family(t reflect.Type) byte {
	switch {
	case t == nil:
		return 0
	case t == typeDuration || t == reflect.TypeFor[time.Time]():
		return 't'
	case t == typeDecimal:
		return 'n'
	}
	switch t.Kind() {
	case reflect.Bool:
		return 'b'
	case reflect.String:
		return 's'
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Float32, reflect.Float64:
		return 'n'
	case reflect.Slice:
		return 'l'
	}
	return 0
}
