package engine

import (
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/types"

	"runbook/engine/syntax"
)

// Compile checks a runbook and makes its plan. It returns all problems, warnings
// too, and no plan when one of them is an error. It makes no connection; the
// files that the runbook names are read through files.
func Compile(rb *syntax.Runbook, actions []Action, files Files) (*Plan, syntax.Problems) {
	plan, problems := compile(rb, actions, files, nil)
	if plan != nil {
		plan.again = func(told *columns) syntax.Problems {
			_, problems := compile(rb, actions, files, told)
			return problems.Errors()
		}
	}
	return plan, problems
}

// compile is Compile with what a server has told, if one was asked.
func compile(rb *syntax.Runbook, actions []Action, files Files, told *columns) (*Plan, syntax.Problems) {
	c := &compiler{rb: rb, actions: actions, files: files, told: told, typed: map[string]types.Type{}, names: newNames(), used: map[string]bool{}, reads: map[string]bool{}, allowed: map[syntax.Allowance]bool{}, paths: newPaths(), plan: &Plan{
		index:  map[string]*step{},
		File:   rb.File,
		Name:   strings.TrimSuffix(filepath.Base(rb.File), filepath.Ext(rb.File)),
		Digest: rb.Digest,
	}}
	c.header()
	c.vars()
	c.connections()
	c.ids(rb.Steps)
	c.plan.steps = c.steps(rb.Steps, "")
	c.plan.count = c.count
	c.unusedQueries()
	if len(c.problems.Errors()) > 0 {
		return nil, c.problems
	}
	c.unusedNames()
	c.unusedAllowances()
	return c.plan, c.problems
}

type compiler struct {
	rb         *syntax.Runbook
	actions    []Action
	files      Files
	told       *columns // nil when no server was asked
	names      *names
	typed      map[string]types.Type // results of steps by id, as told
	plan       *Plan
	problems   syntax.Problems
	path       string                    // of the step being compiled
	connection string                    // of the steps around it that name one
	used       map[string]bool           // queries that a step uses
	reads      map[string]bool           // names that an expression uses
	allowed    map[syntax.Allowance]bool // comments that have silenced a warning
	registered []*syntax.Node            // the names of all registered values, in the order of the file
	paths      *paths
	done       bool                      // all steps are compiled
	around     []*step                   // the steps that the one being compiled stands in
	texts      []*template               // the SQL of the step being compiled
	opened     map[string]*step          // that began a transaction, by connection
	cleared    *step                     // what is tried again and has dropped an index
	beside     map[string]*syntax.Source // files that the runbook names, by name
	seen       map[string]*syntax.Node
	later      map[string]int // lines in which names are registered
	count      int
	dialects   map[bool]*dialect // by whether it is that of SQL text
	described  map[reflect.Type][]field
}

// dialect is what expressions in SQL text, or at other places, are compiled with.
func (c *compiler) dialect(sql bool) *dialect {
	if c.dialects == nil {
		c.dialects = map[bool]*dialect{}
	}
	if c.dialects[sql] == nil {
		c.dialects[sql] = newDialect(sql)
	}
	return c.dialects[sql]
}

// fields describes an argument struct, each of which a runbook uses many times.
func (c *compiler) fields(t reflect.Type) []field {
	if c.described == nil {
		c.described = map[reflect.Type][]field{}
	}
	out, ok := c.described[t]
	if !ok {
		out = fields(t)
		c.described[t] = out
	}
	return out
}

func (c *compiler) add(ps ...syntax.Problem) {
	for _, p := range ps {
		if p.Severity == syntax.Error || !c.allows(p) {
			c.problems = append(c.problems, p)
		}
	}
}

// allows says that a comment takes responsibility for a warning.
func (c *compiler) allows(p syntax.Problem) bool {
	a, ok := c.source(p.Pos.File).Allows(p.Pos.Line, p.Code)
	if ok {
		c.allowed[a] = true
	}
	return ok
}

// source is the text of the runbook, or of a file that it names.
func (c *compiler) source(file string) *syntax.Source {
	if s := c.beside[file]; s != nil {
		return s
	}
	return c.rb.Source
}

func (c *compiler) header() {
	rb := c.rb
	if rb.Name != nil {
		c.plan.Name = rb.Name.Text
	}
	if rb.Summary != nil {
		c.plan.Summary = rb.Summary.Text
	}
	for _, s := range rb.Secrets {
		c.plan.Secrets = append(c.plan.Secrets, s.Text)
		c.secret(s)
	}
	if rb.Sandbox == nil {
		return
	}
	if w := rb.Sandbox.Workers; w != nil {
		n, err := strconv.Atoi(w.Text)
		if err != nil || n < 0 || n > 16 {
			c.add(w.Problem("schema/type", fmt.Sprintf("workers is a number from 0 to 16, not %q", w.Text), ""))
		}
		c.plan.Workers = n
	}
	if s := rb.Sandbox.Setup; s != nil {
		c.plan.Setup = s.Text
		if _, problems := syntax.ReadFile(c.files.FS, c.files.name(s.Text), c.files.shown(s.Text)); problems != nil {
			c.add(s.Problem(problems[0].Code, fmt.Sprintf("%s: %s", c.files.shown(s.Text), problems[0].Message), "setup is relative to this file"))
		}
	}
}

// secret wants a variable, or an environment variable that the runbook uses: a
// misspelt name would hide nothing.
func (c *compiler) secret(n *syntax.Node) {
	names := make([]string, len(c.rb.Vars))
	for i, f := range c.rb.Vars {
		names[i] = f.Key.Text
	}
	if !slices.Contains(names, n.Text) && !c.rb.Source.Mentions("env."+n.Text) {
		c.add(n.Problem("name/unknown-secret", fmt.Sprintf("%q is no variable, and the runbook does not use env.%s", n.Text, n.Text), syntax.DidYouMean(n.Text, names)))
	}
}

// vars declares the variables in order: a default may use those before it.
func (c *compiler) vars() {
	for _, f := range c.rb.Vars {
		v := variable{node: f.Key, typ: nodeType(f.Value), value: c.value(f.Value)}
		typ := types.Type(types.Any)
		switch v.typ {
		case nil:
		case typeDecimal:
			typ = opaque{typeDecimal}
		default:
			typ = goType(v.typ)
		}
		c.add(c.names.add(f.Key, typ, "a variable")...)
		c.plan.vars = append(c.plan.vars, v)
	}
	if c.rb.Sandbox == nil {
		return
	}
	for _, f := range c.rb.Sandbox.Vars {
		i := slices.IndexFunc(c.plan.vars, func(v variable) bool { return v.node.Text == f.Key.Text })
		if i < 0 {
			c.add(f.Key.Problem("name/unknown-variable", fmt.Sprintf("no variable is called %q", f.Key.Text), nearOrAll(f.Key.Text, c.plan.varNames())))
			continue
		}
		value := c.value(f.Value)
		c.plan.vars[i].sandbox = &value
	}
}

func (p *Plan) varNames() []string {
	out := make([]string, len(p.vars))
	for i, v := range p.vars {
		out[i] = v.node.Text
	}
	return out
}

func (c *compiler) connections() {
	for _, conn := range c.rb.Connections {
		k := connection{name: conn.Name.Text}
		if conn.DSN != nil {
			b := c.bindScalar(conn.DSN, reflect.TypeFor[string](), field{path: "dsn"})
			k.dsn, k.node = &b, conn.DSN
		}
		c.plan.conns = append(c.plan.conns, k)
	}
}

// ids finds steps that share an id, wherever they stand.
func (c *compiler) ids(steps []*syntax.Step) {
	if c.seen == nil {
		c.seen, c.later = map[string]*syntax.Node{}, map[string]int{}
	}
	for _, s := range steps {
		if r := s.Register; r != nil {
			c.later[r.Name.Text] = r.Name.Pos.Line
			c.registered = append(c.registered, r.Name)
		}
		if s.ID != nil {
			if first, twice := c.seen[s.ID.Text]; twice {
				c.add(s.ID.Problem("name/duplicate-id", fmt.Sprintf("a step with the id %q is already in line %d", s.ID.Text, first.Pos.Line), ""))
			} else {
				c.seen[s.ID.Text] = s.ID
			}
		}
		if s.Group != nil {
			c.ids(s.Group.Steps)
			c.ids(s.Group.Rescue)
			c.ids(s.Group.Always)
		}
	}
}

func (c *compiler) stepIDs() []string { return slices.Sorted(maps.Keys(c.names.steps)) }

func (c *compiler) queryNames() []string {
	out := make([]string, len(c.rb.Queries))
	for i, q := range c.rb.Queries {
		out[i] = q.Name.Text
	}
	return out
}
