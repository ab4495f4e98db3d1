package engine

import (
	"fmt"
	"slices"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/types"

	"runbook/engine/syntax"
)

// typedName is a name with what is known of its values.
type typedName struct {
	name string
	typ  types.Type
}

// resolve finds every name that the expression uses, with its type, and reports
// those that nothing has.
func (c *compiler) resolve(p *program, tree *parser.Tree, spec exprSpec) ([]typedName, bool) {
	v := &identifiers{}
	ast.Walk(&tree.Node, v)
	p.later = v.later
	names, ok := make([]typedName, 0, len(v.found)), true
	for _, id := range v.found {
		name := id.Value
		known := slices.ContainsFunc(names, func(n typedName) bool { return n.name == name })
		switch {
		case v.locals[name] || known:
		case name == "steps":
			names = append(names, typedName{name, c.stepsType(p, v.steps, &ok)})
			p.uses = append(p.uses, name)
		case name == "env":
			names = append(names, typedName{name, types.Map{types.Extra: types.Any}})
			p.uses = append(p.uses, name)
		case isFunction(name) && (spec.sql || name == fnCompare || name == fnRandom):
			if name == fnRaw {
				c.rawText(p, id)
			}
		default:
			t, found := c.names.typeOf(name, spec.extra)
			if !found {
				c.unknownName(p, id, v.called[id], spec.extra)
				ok = false
				continue
			}
			names = append(names, typedName{name, t})
			if _, given := spec.extra[name]; !given {
				p.uses = append(p.uses, name)
				c.read(p, name, name, id.Location().From)
			}
		}
	}
	return names, ok
}

// identifiers collects the names of an expression.
type identifiers struct {
	found  []*ast.IdentifierNode
	steps  []*ast.MemberNode // steps.ID
	locals map[string]bool   // made by let
	called map[ast.Node]bool // names of functions
	later  []string
}

func (v *identifiers) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		v.found = append(v.found, n)
	case *ast.CallNode:
		if v.called == nil {
			v.called = map[ast.Node]bool{}
		}
		v.called[n.Callee] = true
		if id, ok := n.Callee.(*ast.IdentifierNode); ok && id.Value == fnRandom {
			v.later = append(v.later, "random()")
		}
	case *ast.BuiltinNode:
		if n.Name == "now" {
			v.later = append(v.later, "now()")
		}
	case *ast.VariableDeclaratorNode:
		if v.locals == nil {
			v.locals = map[string]bool{}
		}
		v.locals[n.Name] = true
	case *ast.MemberNode:
		id, ok := n.Node.(*ast.IdentifierNode)
		if ok && id.Value == "steps" {
			v.steps = append(v.steps, n)
		}
		if property, named := n.Property.(*ast.StringNode); ok && named && (id.Value == "steps" || id.Value == "run") {
			v.later = append(v.later, id.Value+"."+property.Value)
		}
	}
}

// stepsType knows the results of just the steps that the expression asks for.
func (c *compiler) stepsType(p *program, used []*ast.MemberNode, ok *bool) types.Type {
	m := types.Map{}
	for _, member := range used {
		id, isName := member.Property.(*ast.StringNode)
		if !isName {
			continue
		}
		t, found := c.names.steps[id.Value]
		if !found {
			*ok = false
			from := byteOffset(p.text, id.Location().From)
			c.add(p.node.ProblemAt(p.offset+from, len(id.Value), "expr/unknown-step",
				fmt.Sprintf("no earlier step has the id %q", id.Value), c.stepHint(id.Value)))
			continue
		}
		c.read(p, "steps."+id.Value, id.Value, id.Location().From)
		m[id.Value] = c.names.result(t)
		if told, ok := c.typed[id.Value]; ok {
			m[id.Value] = told
		}
	}
	return m
}

func (c *compiler) stepHint(id string) string {
	if later := c.seen[id]; later != nil {
		return fmt.Sprintf("the step of line %d comes later, or is a group", later.Pos.Line)
	}
	return syntax.DidYouMean(id, c.stepIDs())
}

// unknownName reports a name that nothing has.
func (c *compiler) unknownName(p *program, id *ast.IdentifierNode, called bool, extra Names) {
	name := id.Value
	message, hint := fmt.Sprintf("%q has no value here", name), c.elsewhere(name)
	switch {
	case hint != "":
	case called:
		message, hint = fmt.Sprintf("there is no function %q", name), syntax.DidYouMean(name, builtin.Names)
	default:
		candidates := append(c.names.all(extra), builtin.Names...)
		message, hint = fmt.Sprintf("no value is called %q", name), syntax.DidYouMean(name, candidates)
	}
	from := byteOffset(p.text, id.Location().From)
	c.add(p.node.ProblemAt(p.offset+from, len(name), "expr/unknown-name", message, hint))
}

// elsewhere says where a name that is unknown here does have a meaning, or "".
func (c *compiler) elsewhere(name string) string {
	switch {
	case name == fnIdent || name == fnRaw:
		return name + " is for ${…} in SQL text"
	case name == "failure":
		return "a failure is known in the steps of a rescue"
	case c.later[name] > 0:
		return fmt.Sprintf("it is registered in line %d, which comes later", c.later[name])
	}
	return ""
}
