package engine

import (
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"

	"runbook/engine/event"
)

// operands evaluates the parts of a condition that comparisons and logical
// operators join. They are compiled only now: a message is the one to want them.
func (p *program) operands(env map[string]any) []event.Operand {
	if p.names == nil {
		return nil
	}
	tree, err := parser.Parse(p.text)
	if err != nil {
		return nil // it was parsed before
	}
	var out []event.Operand
	d := newDialect(false)
	for _, text := range splitOperands(tree.Node) {
		part, err := parser.Parse(text)
		if err != nil {
			continue
		}
		draft := d.draft(part, p.names)
		_ = draft.checkTypes() // what exact decides is an error here, see compileExpr
		compiled, _, err := draft.code()
		if err != nil {
			continue
		}
		v, err := compiled.run(env)
		if err != nil {
			continue
		}
		if o := (event.Operand{Text: text, Value: shown(v)}); o.Value != o.Text {
			out = append(out, o)
		}
	}
	return out
}

// splitOperands lists the texts of an expression's operands. Parts that stand
// inside a predicate, where # and .field have a meaning, stay out.
func splitOperands(root ast.Node) []string {
	var parts []string
	seen := map[string]bool{}
	var split func(ast.Node)
	split = func(n ast.Node) {
		switch x := n.(type) {
		case *ast.BinaryNode:
			split(x.Left)
			split(x.Right)
			return
		case *ast.UnaryNode:
			split(x.Node)
			return
		case *ast.IntegerNode, *ast.FloatNode, *ast.StringNode, *ast.BoolNode, *ast.NilNode, *ast.ConstantNode, *ast.ArrayNode:
			return
		case *ast.BuiltinNode:
			// all(rows, .ok): the collection decides it, so it is shown too.
			if len(x.Arguments) > 0 {
				split(x.Arguments[0])
			}
		case *ast.ChainNode:
			split(x.Node)
			return
		}
		if text := n.String(); !seen[text] {
			seen[text] = true
			parts = append(parts, text)
		}
	}
	split(root)
	return parts
}
