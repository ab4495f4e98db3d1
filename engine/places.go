package engine

import (
	"slices"

	"runbook/engine/syntax"
)

// Places lets a Checker report problems at the fields it speaks of.
type Places struct {
	node     *syntax.Node
	fields   []field
	given    []*syntax.Node // by field, nil for what the runbook leaves out
	open     []bool         // by field: its value is not known yet, or a problem already
	problems syntax.Problems
}

// Has says whether the runbook gives the field.
func (p *Places) Has(field string) bool {
	i := indexOf(p.fields, field)
	return i >= 0 && p.given[i] != nil
}

// Problem reports something wrong at a field, or at the whole when the field is
// not there.
func (p *Places) Problem(field, code, message, hint string) {
	i, n := indexOf(p.fields, field), p.node
	switch {
	case i >= 0 && p.open[i]:
		return
	case i >= 0 && p.given[i] != nil:
		n = p.given[i]
	}
	p.problems = append(p.problems, n.Problem(code, message, hint))
}

// Warning reports something unwise at a field.
func (p *Places) Warning(field, code, message, hint string) {
	before := len(p.problems)
	p.Problem(field, code, message, hint)
	for i := before; i < len(p.problems); i++ {
		p.problems[i] = p.problems[i].Warning()
	}
}

// Add reports a problem with a place of its own, such as that of an Expr.
func (p *Places) Add(problem syntax.Problem) { p.problems = append(p.problems, problem) }

// indexOf is where among fields the one of that name is, or -1.
func indexOf(fields []field, name string) int {
	return slices.IndexFunc(fields, func(f field) bool { return f.name == name })
}
