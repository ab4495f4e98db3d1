package syntax

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Parse reads a runbook. It returns the tree as far as it could be read, nil
// when there is none, and all problems.
func Parse(file string, src []byte) (*Runbook, Problems) {
	source := NewSource(file, src)
	root, problems := readYAML(source, src)
	if root == nil {
		return nil, problems
	}
	p := &parser{problems: problems}
	rb := p.runbook(root)
	rb.File, rb.Source, rb.Whole = file, source, len(p.problems) == 0
	sum := sha256.Sum256(src)
	rb.Digest = hex.EncodeToString(sum[:])
	return rb, p.problems
}

// ParseSteps reads a list of steps that stands inside an action's arguments.
func ParseSteps(n *Node) ([]*Step, Problems) {
	p := &parser{}
	return p.steps(n), p.problems
}

// StepKeys are the keys that every step may have; any other names its action.
func StepKeys() []string {
	return []string{
		"id", "name", "when", "register", "connection", "settings", "timeout", "retry", "repeat",
		"for_each", "tags", "allow_failure", "group", "steps", "rescue", "always",
	}
}

type parser struct {
	problems Problems
}

func (p *parser) add(n *Node, code, message, hint string) {
	p.problems = append(p.problems, n.Problem(code, message, hint))
}

// keys calls read for each field of a mapping by its key and reports keys that
// have none.
func (p *parser) keys(n *Node, what string, read map[string]func(*Node)) bool {
	if n.Kind != Map {
		p.add(n, "schema/type", fmt.Sprintf("%s is a mapping, this is %s", what, n.What()), "")
		return false
	}
	for _, f := range n.Fields {
		if fn, ok := read[f.Key.Text]; ok {
			fn(f.Value)
			continue
		}
		names := slices.Collect(maps.Keys(read))
		p.add(f.Key, "schema/unknown-key", fmt.Sprintf("%q is not a key of %s", f.Key.Text, what), nearOrAll(f.Key.Text, names))
	}
	return true
}

// nearOrAll names the near miss, or all names when none is near.
func nearOrAll(word string, names []string) string {
	names = sorted(names) // of two equally near, always the same
	if hint := DidYouMean(word, names); hint != "" {
		return hint
	}
	return "known: " + strings.Join(names, ", ")
}

func (p *parser) runbook(root *Node) *Runbook {
	rb := &Runbook{}
	if root.Kind != Map {
		p.add(root, "schema/type", fmt.Sprintf("a runbook is a mapping, this file is %s", root.What()), "a runbook begins with: runbook: v1")
		return rb
	}
	if root.lacks("runbook") && root.lacks("steps") {
		p.add(root, "schema/no-runbook", "this is no runbook: it has neither runbook: v1 nor steps", "a runbook begins with: runbook: v1")
		return rb
	}
	p.keys(root, "a runbook", map[string]func(*Node){
		"runbook":     p.version,
		"name":        func(n *Node) { rb.Name = p.scalar(n, "name") },
		"summary":     func(n *Node) { rb.Summary = p.scalar(n, "summary") },
		"vars":        func(n *Node) { rb.Vars = p.named(n, "vars", "variable") },
		"queries":     func(n *Node) { rb.Queries = p.queries(n) },
		"connections": func(n *Node) { rb.Connections = p.connections(n) },
		"secrets":     func(n *Node) { rb.Secrets = p.scalars(n, "secrets") },
		"sandbox":     func(n *Node) { rb.Sandbox = p.sandbox(n) },
		"steps":       func(n *Node) { rb.Steps = p.steps(n) },
	})
	if root.lacks("runbook") {
		p.problems = append(p.problems, Problem{
			Pos: root.Pos, Code: "schema/missing-key",
			Message: "the key \"runbook\" is missing", Hint: "begin the file with: runbook: v1",
		})
	}
	if root.lacks("steps") {
		p.problems = append(p.problems, Problem{
			Pos: root.Pos, Code: "schema/missing-key",
			Message: "the key \"steps\" is missing", Hint: "a runbook has at least one step",
		})
	}
	return rb
}

func (p *parser) version(n *Node) {
	if n.Kind != Scalar || n.Text != "v1" {
		p.add(n, "schema/version", fmt.Sprintf("this program reads runbook: v1, not %s", describe(n)), "")
	}
}

func describe(n *Node) string {
	if n.Kind == Scalar && n.Type != Null {
		return fmt.Sprintf("%q", n.Text)
	}
	return n.What()
}

// scalar wants one value that is not empty.
func (p *parser) scalar(n *Node, what string) *Node {
	if n.Kind != Scalar || n.Type == Null {
		p.add(n, "schema/type", fmt.Sprintf("%s is one value, this is %s", what, n.What()), "")
		return nil
	}
	return n
}

// scalars wants a list of values; one value stands for a list of one.
func (p *parser) scalars(n *Node, what string) []*Node {
	if n.Kind == Scalar && n.Type != Null {
		return []*Node{n}
	}
	if n.Kind != List {
		p.add(n, "schema/type", fmt.Sprintf("%s is a list, this is %s", what, n.What()), "")
		return nil
	}
	var out []*Node
	for _, item := range n.Items {
		if s := p.scalar(item, "an entry of "+what); s != nil {
			out = append(out, s)
		}
	}
	return out
}

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// name wants a name that an expression can use.
func (p *parser) name(n *Node, what string) *Node {
	if n = p.scalar(n, "the name of "+what); n == nil {
		return nil
	}
	if !identifier.MatchString(n.Text) {
		p.add(n, "schema/name", fmt.Sprintf("%q cannot be the name of %s", n.Text, what), "a name has letters, digits and _, and does not begin with a digit")
		return nil
	}
	return n
}

// named wants a mapping from names to anything.
func (p *parser) named(n *Node, key, what string) []Field {
	if n.IsNull() {
		return nil
	}
	if n.Kind != Map {
		p.add(n, "schema/type", fmt.Sprintf("%s is a mapping, this is %s", key, n.What()), "")
		return nil
	}
	var out []Field
	for _, f := range n.Fields {
		if p.name(f.Key, "a "+what) != nil {
			out = append(out, f)
		}
	}
	return out
}

func (p *parser) queries(n *Node) []Query {
	var out []Query
	for _, f := range p.named(n, "queries", "query") {
		q := Query{Name: f.Key}
		if f.Value.Kind == Scalar {
			q.SQL = p.scalar(f.Value, "a query")
		} else {
			p.keys(f.Value, "a query", map[string]func(*Node){
				"title": func(n *Node) { q.Title = p.scalar(n, "title") },
				"sql":   func(n *Node) { q.SQL = p.scalar(n, "sql") },
				"args":  func(n *Node) { q.Args = p.scalars(n, "args") },
			})
			if f.Value.Kind == Map && f.Value.lacks("sql") {
				p.add(f.Key, "schema/missing-key", fmt.Sprintf("query %q has no sql", f.Key.Text), "")
			}
		}
		if q.SQL != nil {
			out = append(out, q)
		}
	}
	return out
}

func (p *parser) connections(n *Node) []Connection {
	var out []Connection
	for _, f := range p.named(n, "connections", "connection") {
		c := Connection{Name: f.Key}
		if f.Key.Text == "main" {
			p.add(f.Key, "schema/name", "the connection main is always there: it is the target", "")
			continue
		}
		if !f.Value.IsNull() {
			p.keys(f.Value, "a connection", map[string]func(*Node){
				"dsn": func(n *Node) { c.DSN = p.scalar(n, "dsn") },
			})
		}
		out = append(out, c)
	}
	return out
}

func (p *parser) sandbox(n *Node) *Sandbox {
	s := &Sandbox{}
	p.keys(n, "sandbox", map[string]func(*Node){
		"workers": func(n *Node) { s.Workers = p.scalar(n, "workers") },
		"setup":   func(n *Node) { s.Setup = p.scalar(n, "setup") },
		"vars":    func(n *Node) { s.Vars = p.named(n, "sandbox.vars", "variable") },
	})
	return s
}

// ParseValue reads one YAML value, as a command line gives it.
func ParseValue(text string) (*Node, Problems) {
	const file = "value"
	if text == "" {
		return &Node{Pos: Pos{File: file}, Type: Null}, nil
	}
	n, problems := readYAML(NewSource(file, []byte(text)), []byte(text))
	if len(problems) > 0 {
		return nil, problems
	}
	return n, nil
}

// ParseMap reads a YAML mapping from names to values, each returned as the text
// of its YAML.
func ParseMap(file string, src []byte) (map[string]string, Problems) {
	n, problems := readYAML(NewSource(file, src), src)
	if len(problems) > 0 {
		return nil, problems
	}
	if n.Kind != Map {
		return nil, Problems{n.Problem("schema/type", fmt.Sprintf("variables are a mapping, this is %s", n.What()), "write NAME: VALUE, one a line")}
	}
	out := map[string]string{}
	for _, f := range n.Fields {
		out[f.Key.Text] = f.Value.yaml()
	}
	return out, nil
}
