package engine

import (
	"fmt"
	"slices"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"

	"runbook/engine/syntax"
)

// paths knows on which ways through a runbook a name gets its value, while the
// steps are compiled in their order. A name without an entry always has one.
type paths struct {
	conditions []*condition // that hold at this place
	settled    map[*condition]bool
	ways       map[string][]way // by "name" or "steps.ID"
}

// condition is one thing that decides whether the steps inside it run to their
// end.
type condition struct {
	why   string   // " only when: fast"
	when  string   // the expression, if it is one
	parts []string // what that states, once it was asked for
}

// states are the parts of a `when` that `and` joins.
func (k *condition) states() []string {
	if k.parts == nil && k.when != "" {
		k.parts = conjuncts(k.when)
	}
	return k.parts
}

// way is a place where a name gets its value, with what must hold to come there.
type way struct {
	node       *syntax.Node
	conditions []*condition
}

func newPaths() *paths {
	return &paths{settled: map[*condition]bool{}, ways: map[string][]way{}}
}

// here is the place for leave to go back to.
func (p *paths) here() int { return len(p.conditions) }

// enter goes on under a condition.
func (p *paths) enter(k condition) { p.conditions = append(p.conditions, &k) }

func (p *paths) leave(at int) { p.conditions = p.conditions[:at] }

// within compiles something under a condition.
func (p *paths) within(k condition, compile func()) *condition {
	at := p.here()
	p.enter(k)
	defer p.leave(at)
	compile()
	return p.conditions[at]
}

// settle says that a condition holds for all that follows.
func (p *paths) settle(k *condition) { p.settled[k] = true }

// enterStep goes on under what decides whether a step runs to its end.
func (p *paths) enterStep(s *step) {
	if s.loop != nil && !s.loop.certain() {
		p.enter(condition{why: fmt.Sprintf(" for each of %s, of which there may be none", shortened(s.node.ForEach.Value.Text))})
	}
	if s.when != nil {
		p.enter(condition{why: " only when: " + shortened(s.when.text), when: s.when.text})
	}
	if !s.allowFailure.constant() || s.allowFailure.value.Bool() {
		p.enter(condition{why: ", where a failure is passed over (allow_failure)"})
	}
}

// certain says that a loop has a turn for sure.
func (l *loop) certain() bool {
	if l.list == nil || len(l.list.uses) > 0 || len(l.list.later) > 0 {
		return l.list == nil
	}
	items, err := l.items(newScope(RunInfo{}))
	return err == nil && len(items) > 0
}

// conjuncts are the parts of a condition that `and` joins.
func conjuncts(text string) []string {
	tree, err := parser.Parse(text)
	if err != nil {
		return nil
	}
	var out []string
	var split func(ast.Node)
	split = func(n ast.Node) {
		if b, ok := n.(*ast.BinaryNode); ok && (b.Operator == "and" || b.Operator == "&&") {
			split(b.Left)
			split(b.Right)
			return
		}
		out = append(out, n.String())
	}
	split(tree.Node)
	return out
}

// gets says that a name has a value from here on.
func (p *paths) gets(name string, n *syntax.Node) {
	p.ways[name] = append(p.ways[name], way{n, slices.Clone(p.conditions)})
}

// missing says under which condition a name has a value, "" when it has one here
// for sure. Several ways are taken for alternatives of which one is always gone.
func (p *paths) missing(name string) string {
	why := ""
	for _, w := range p.ways[name] {
		k := p.open(w.conditions)
		switch {
		case k == nil:
			return ""
		case why != "" && k.why != why:
			return ""
		}
		why = k.why
	}
	if why == "" {
		return ""
	}
	w := p.ways[name][0]
	if name == "steps."+w.node.Text {
		return fmt.Sprintf("the step of line %d runs%s", w.node.Pos.Line, why)
	}
	return fmt.Sprintf("line %d registers it%s", w.node.Pos.Line, why)
}

// open is the first condition that does not hold here.
func (p *paths) open(conditions []*condition) *condition {
	for _, k := range conditions {
		if !p.settled[k] && !slices.Contains(p.conditions, k) && !p.implied(k) {
			return k
		}
	}
	return nil
}

// implied says that the conditions here state all that k does.
func (p *paths) implied(k *condition) bool {
	for _, part := range k.states() {
		if !slices.ContainsFunc(p.conditions, func(here *condition) bool { return slices.Contains(here.states(), part) }) {
			return false
		}
	}
	return k.when != ""
}

// read notes that an expression uses a name, and warns when it may have no value;
// shown is what stands in the expression at a character of it.
func (c *compiler) read(p *program, name, shown string, at int) {
	c.reads[name] = true
	why := c.paths.missing(name)
	if why == "" || c.done {
		return
	}
	if name == shown { // steps.ID reads as nothing then, and has a message of its own
		if p.missing == nil {
			p.missing = map[string]string{}
		}
		p.missing[name] = " (" + why + ")"
	}
	from := byteOffset(p.text, at)
	c.add(p.node.ProblemAt(p.offset+from, len(shown), "name/maybe-missing", fmt.Sprintf("%q may have no value here", shown), why).Warning())
}
