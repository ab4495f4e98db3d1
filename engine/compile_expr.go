package engine

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/expr-lang/expr/parser"

	"runbook/engine/syntax"
)

// exprSpec is what an expression must be at its place.
type exprSpec struct {
	want  reflect.Type // nil for anything
	extra Names
	sql   bool // inside SQL text: ident and raw exist
}

// expression compiles the whole text of a scalar.
func (c *compiler) expression(n *syntax.Node, spec exprSpec) *program {
	if n.Kind != syntax.Scalar || n.Type == syntax.Null {
		c.add(n.Problem("schema/type", fmt.Sprintf("an expression is one value, this is %s", n.What()), ""))
		return nil
	}
	if strings.Contains(n.Text, "${") {
		c.add(n.ProblemAt(strings.Index(n.Text, "${"), 2, "expr/insertion", "this field is an expression already; ${…} is for text", "write the bare expression"))
		return nil
	}
	return c.compileExpr(n, 0, n.Text, spec)
}

func (c *compiler) compileExpr(n *syntax.Node, offset int, text string, spec exprSpec) *program {
	p := &program{node: n, offset: offset, text: text}
	tree, err := parser.Parse(text)
	if err != nil {
		c.exprProblem(p, err)
		return nil
	}
	names, ok := c.resolve(p, tree, spec)
	if !ok {
		return nil
	}
	if spec.want == typeBool {
		p.names, p.certain = names, certain(tree.Node)
	}
	// Names and fields are checked before exact rewrites the operators: expr-lang
	// does not look at the arguments of a call again, and loses their errors.
	draft := c.dialect(spec.sql).draft(tree, names)
	err = draft.checkTypes()
	switch {
	case err != nil && !decidedByExact(err):
		c.exprProblem(p, err)
		return nil
	case err == nil && !c.hasType(p, nodeTypeOf(tree.Node), spec.want):
		return nil
	}
	compiled, found, err := draft.code()
	if err == nil && len(found) > 0 {
		c.add(p.node.ProblemAt(p.offset+byteOffset(text, found[0].at), found[0].width, "expr/type", found[0].message, ""))
		return nil
	}
	if err != nil {
		c.exprProblem(p, err)
		return nil
	}
	if !c.hasType(p, compiled.typ(), spec.want) {
		return nil
	}
	p.code = compiled
	return p
}

// hasType checks what can be known of the result before it runs. Any passes:
// the run checks it.
func (c *compiler) hasType(p *program, got, want reflect.Type) bool {
	if want == nil || got == nil || got.Kind() == reflect.Interface || want.Kind() == reflect.Interface || got.Kind() == want.Kind() {
		return true
	}
	hint := ""
	if want.Kind() == reflect.Bool {
		hint = "compare it with something, for example: == 'all'"
	}
	c.add(p.node.ProblemAt(p.offset, len(p.text), "expr/type", fmt.Sprintf("this is %s, want %s", kindName(got), kindName(want)), hint))
	return false
}

func kindName(t reflect.Type) string {
	switch {
	case t == nil || t.Kind() == reflect.Interface:
		return "a value"
	case t.Kind() == reflect.Bool:
		return "true or false"
	default:
		return typeName(reflect.Zero(t).Interface())
	}
}
