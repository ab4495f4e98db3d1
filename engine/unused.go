package engine

import (
	"fmt"
	"maps"
	"slices"

	"runbook/engine/syntax"
)

// unusedQueries checks the queries that no step uses: a problem in one is a
// problem.
func (c *compiler) unusedQueries() {
	c.done = true
	var unused []*syntax.Node
	for _, q := range c.rb.Queries {
		if !c.used[q.Name.Text] {
			c.queryBound(q)
			unused = append(unused, q.Name)
		}
	}
	if len(c.problems.Errors()) > 0 {
		return // the step that uses it may be what is wrong
	}
	for _, n := range unused {
		c.add(n.Problem("query/unused", fmt.Sprintf("no step uses the query %q", n.Text), "remove it, or use it").Warning())
	}
}

// unusedNames finds variables and registered values that no expression reads. It
// is asked of runbooks without errors: in others the use may be what is wrong.
func (c *compiler) unusedNames() {
	for _, v := range c.plan.vars {
		if !c.reads[v.node.Text] {
			c.add(v.node.Problem("name/unused", fmt.Sprintf("nothing uses the variable %q", v.node.Text), "remove it").Warning())
		}
	}
	for _, n := range c.registered {
		if !c.reads[n.Text] {
			c.reads[n.Text] = true // once for each name
			c.add(n.Problem("name/unused", fmt.Sprintf("%q is registered, and nothing uses it", n.Text), "remove register, or use the value").Warning())
		}
	}
}

const unusedAllowance = "allow/unused"

// unusedAllowances finds the comments that allow a warning which is not there.
// They come last, and among them those that allow this very warning: what they
// speak of must have been said.
func (c *compiler) unusedAllowances() {
	if !c.rb.Whole {
		return
	}
	sources := []*syntax.Source{c.rb.Source}
	for _, file := range slices.Sorted(maps.Keys(c.beside)) {
		sources = append(sources, c.beside[file])
	}
	for _, ofThis := range []bool{false, true} {
		for _, s := range sources {
			for a := range s.Allowances() {
				if (a.Code == unusedAllowance) == ofThis && !c.allowed[a] {
					c.add(a.Problem(unusedAllowance, fmt.Sprintf("there is no warning %s to allow here", a.Code), "remove the comment; it speaks of its own line and of the next").Warning())
				}
			}
		}
	}
}
