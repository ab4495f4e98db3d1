package engine

import (
	"runbook/engine/syntax"
)

// Places lets a Checker report problems at the fields it speaks of.
type Places struct {
	node     *syntax.Node
	given    map[string]*syntax.Node
	open     map[string]bool // fields whose value is not known yet, or a problem already
	problems syntax.Problems
}

// Has says whether the runbook gives the field.
func (p *Places) Has(field string) bool { return p.given[field] != nil }

// Problem reports something wrong at a field, or at the whole when the field is
// not there.
func (p *Places) Problem(field, code, message, hint string) {
	if p.open[field] {
		return
	}
	n := p.given[field]
	if n == nil {
		n = p.node
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
